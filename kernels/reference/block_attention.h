// Reference of block attention: literal loops over the listed blocks.
// Source: Vaswani et al. 2017 (softmax attention), Zaheer et al. 2020 (the lists of blocks).
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// For query i and the keys j < lengths[b] in its listed blocks, with multiplicity m(i,j):
/// s[j] = scale * q_i.k_j + log(m(i,j)); log_sum_exp = log sum_j exp(s[j]);
/// out = sum_j exp(s[j] - log_sum_exp) v_j. Without keys, or i >= lengths[b]: 0 and +infinity.
template <class T>
void block_attention_forward(const BlockAttentionArgs& args);

/// With p_ij = exp(s_ij - log_sum_exp_i) and delta_i = dout_i.out_i:
/// dv_j = sum_i p_ij dout_i; ds_ij = p_ij (dout_i.v_j - delta_i);
/// dq_i = scale * sum_j ds_ij k_j; dk_j = scale * sum_i ds_ij q_i.
template <class T>
void block_attention_backward(const BlockAttentionGrad& args);

}  // namespace dnabird::kernels::reference
