// Picking, adding back and averaging rows.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y (M,C) = x[index], for x seen as (R,C) by its last axis and index (M) i32, of the type of x.
/// The caller ensures that every index lies in [0, R). Throws std::logic_error if M is 0.
core::Tensor copy_rows(const core::Tensor& x, const core::Tensor& index);

/// y (R,C), whose row r is row place[r] of x (M,C), or zeros where place[r] is M; place (R) i32,
/// each in [0, M].
core::Tensor spread_rows(const core::Tensor& x, const core::Tensor& place);

/// The same as copy_rows of the type of the kernel set's parameters, for heads.
core::Tensor gather_rows(const core::Tensor& x, const core::Tensor& index);

/// dx[index[m]] += dy[m], for dx seen as (R,C), in the order of m.
void scatter_add_rows(const core::Tensor& dy, const core::Tensor& index, core::Tensor& dx);

/// y (B,C) = mean of x (B,T,C) over t in [begin[b], end[b]), begin and end (B) i32; 0 if empty.
core::Tensor mean_rows(const core::Tensor& x, const core::Tensor& begin, const core::Tensor& end);

}  // namespace dnabird::ops
