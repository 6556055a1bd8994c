// Minimises a smooth function of many variables: limited-memory BFGS.
// Source: Nocedal & Wright, Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5.
#pragma once

#include <functional>

#include <Eigen/Core>

namespace dnabird::train {

/// Value at x (n); writes the gradient (n).
using Objective = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct LbfgsOptions {
  int iterations = 200;     // at most
  int memory = 10;          // pairs of steps and gradient changes
  double tolerance = 1e-5;  // stop when |gradient| <= tolerance * max(1, |x|)
};

struct LbfgsResult {
  Eigen::VectorXd x;
  double value = 0;
  int iterations = 0;
  bool converged = false;
};

/// From `start`, with a backtracking search for sufficient decrease; a pair that does not show
/// positive curvature is left out.
LbfgsResult minimize(const Objective& objective, Eigen::VectorXd start,
                     const LbfgsOptions& options = {});

}  // namespace dnabird::train
