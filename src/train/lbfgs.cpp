#include "train/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

namespace dnabird::train {
namespace {

struct Pair {
  Eigen::VectorXd step, change;  // of x, of the gradient
  double rho;                    // 1 / (step . change)
};

/// -H gradient by the two-loop recursion.
Eigen::VectorXd direction(const std::deque<Pair>& pairs, const Eigen::VectorXd& gradient) {
  Eigen::VectorXd q = -gradient;
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * pairs[i].step.dot(q);
    q -= alpha[i] * pairs[i].change;
  }
  if (!pairs.empty()) q /= pairs.back().rho * pairs.back().change.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double beta = pairs[i].rho * pairs[i].change.dot(q);
    q += (alpha[i] - beta) * pairs[i].step;
  }
  return q;
}

}  // namespace

LbfgsResult minimize(const Objective& objective, Eigen::VectorXd start,
                     const LbfgsOptions& options) {
  LbfgsResult at{std::move(start), 0, 0, false};
  Eigen::VectorXd gradient(at.x.size()), next_gradient(at.x.size());
  at.value = objective(at.x, gradient);
  std::deque<Pair> pairs;
  while (at.iterations < options.iterations) {
    if (gradient.norm() <= options.tolerance * std::max(1.0, at.x.norm())) {
      at.converged = true;
      break;
    }
    Eigen::VectorXd toward = direction(pairs, gradient);
    double slope = gradient.dot(toward);
    if (!(slope < 0)) {  // round-off has spoilt the memory: start again downhill
      pairs.clear();
      toward = -gradient;
      slope = -gradient.squaredNorm();
    }
    // The first step has no curvature to go by: a length of one at most.
    double length = pairs.empty() ? std::min(1.0, 1.0 / gradient.norm()) : 1.0;
    bool accepted = false;
    Eigen::VectorXd x;
    double value = 0;
    for (int halving = 0; halving < 40 && !accepted; ++halving, length /= 2) {
      x = at.x + length * toward;
      value = objective(x, next_gradient);
      accepted = value <= at.value + 1e-4 * length * slope;
    }
    if (!accepted) break;  // no further decrease can be had in double precision
    Pair pair{x - at.x, next_gradient - gradient, 0};
    const double curvature = pair.step.dot(pair.change);
    if (curvature > 1e-12 * pair.change.squaredNorm()) {
      pair.rho = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (static_cast<int>(pairs.size()) > options.memory) pairs.pop_front();
    }
    at.x = std::move(x);
    at.value = value;
    std::swap(gradient, next_gradient);
    ++at.iterations;
  }
  return at;
}

}  // namespace dnabird::train
