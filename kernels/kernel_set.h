// The seam between the model and a device: memory and every op's forward and backward,
// on raw pointers and sizes. A kernel knows no tensor, no file and no genome.
//
// Axes: B batch, T tokens, C channels, H heads, D head size, V vocabulary, K classes,
// S block size, N blocks. Everything is row-major. Every `void*` buffer lies in the memory of
// this kernel set; index buffers are int32. Activations and their gradients hold elements of
// `dtype()`. Parameters, their gradients, what statistics of rows are kept (mean, rstd, log sum
// exp), losses, and the rows that gather and mean give to heads hold `parameter_dtype()`: the same,
// but f32 in a bf16 set, which multiplies bf16 by bf16 and adds up in f32.
//
// One rule for backward: gradients of parameters accumulate (+=), gradients of activations
// overwrite. A null gradient pointer means "not wanted".
#pragma once

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dnabird::kernels {

/// Element type of the buffers of a kernel set.
enum class DType { f32, f64, i32, bf16 };

/// Bytes of one element.
std::size_t size_of(DType dtype);

enum class Gelu { tanh, erf };

/// What decides which elements one use of dropout drops. What differs between two steps may lie in
/// the memory of the kernel set, so that the calls of a step can be recorded and run again.
struct DropoutDraws {
  double p;  // in [0, 1); 0: nothing is dropped
  std::uint64_t seed;
  std::uint64_t stream;  // with a step, the use in it
  /// (1): the Philox stream is mix(*step, stream); null: it is `stream`.
  const std::uint64_t* step = nullptr;
};

/// y (B,T,C) = word[ids] + position[t] + token_type[0].
struct EmbeddingArgs {
  std::int64_t batch, tokens, channels, vocabulary;
  const std::int32_t* ids;  // (B,T), each in [0, vocabulary)
  const void* word;         // (V,C)
  const void* position;     // (P,C), P >= T
  const void* token_type;   // (>=1,C), row 0 is used
  void* y;                  // (B,T,C)
};
struct EmbeddingGrad {
  std::int64_t batch, tokens, channels, vocabulary;
  const std::int32_t* ids;      // (B,T)
  const std::int32_t* lengths;  // (B): rows from lengths[b] on are padding and add nothing
  const void* dy;               // (B,T,C)
  void* dword;                  // (V,C) +=
  void* dposition;              // (P,C) +=
  void* dtoken_type;            // (>=1,C) += on row 0
};

/// y = (s - mean) * rstd * gamma + beta over the last axis, for s = drop(x) + residual; mean and
/// rstd of s are kept for backward. Dropout draws by the index in the whole of x, as on its own; a
/// bf16 set may round drop(x).
struct LayerNormArgs {
  std::int64_t rows, channels;
  double epsilon;
  const void* x;                   // (rows,C)
  const void* gamma;               // (C)
  const void* beta;                // (C)
  void* y;                         // (rows,C); may equal x
  void* mean;                      // (rows)
  void* rstd;                      // (rows)
  const void* residual = nullptr;  // (rows,C) or null: 0
  void* sum = nullptr;        // (rows,C) or null: s, kept for backward; may equal x if y does not
  DropoutDraws dropout = {};  // of x
};
struct LayerNormGrad {
  std::int64_t rows, channels;
  const void* x;              // (rows,C): s of forward
  const void* gamma;          // (C)
  const void* mean;           // (rows)
  const void* rstd;           // (rows)
  const void* dy;             // (rows,C)
  void* dx;                   // (rows,C) or null: gradient of s, which is that of the residual
  void* dgamma;               // (C) +=
  void* dbeta;                // (C) +=
  void* ddropped = nullptr;   // (rows,C) or null: gradient of forward's x, dropout's backward of dx
  DropoutDraws dropout = {};  // of forward
};

/// y = x w^T + bias, or gelu of that; w in the (out,in) layout of the field.
struct LinearArgs {
  std::int64_t rows, in, out;
  const void* x;     // (rows,in)
  const void* w;     // (out,in)
  const void* bias;  // (out) or null
  void* y;           // (rows,out)
  std::optional<Gelu> gelu = std::nullopt;
  void* before_gelu = nullptr;  // (rows,out) or null: x w^T + bias, kept for backward
};
/// Gradients of the sum, before any gelu. Where x is gelu(s), dx can be that of s: dx * gelu'(s).
struct LinearGrad {
  std::int64_t rows, in, out;
  const void* x;                   // (rows,in)
  const void* w;                   // (out,in)
  const void* dy;                  // (rows,out)
  void* dx;                        // (rows,in) or null
  void* dw;                        // (out,in) += or null
  void* dbias;                     // (out) += or null
  const void* dx_start = nullptr;  // (rows,in) or null: added to dx (a residual's); may equal dx
  std::optional<Gelu> gelu_of_x = std::nullopt;  // then there is no dx_start
  const void* before_gelu = nullptr;             // (rows,in): s
};

/// Inverted dropout: keeps an element with probability 1-p and scales it by 1/(1-p). Element i
/// of the buffer draws word i of a Philox stream (see philox.h), so backward needs no mask.
struct DropoutArgs {
  std::int64_t n;
  DropoutDraws draws;
  const void* x;  // (n): x in forward, dy in backward
  void* y;        // (n): y in forward, dx in backward; may equal x
};

/// Which key blocks each query block reads, for every head, and the transpose of that.
/// Lists are sorted by block. `heads` is 1 when all heads share one list.
/// Block b covers the tokens [b*S, min((b+1)*S, T)); the last block may be partial.
/// The arrays lie in the memory of the host, whatever the device.
struct BlockPatternView {
  std::int64_t heads;                       // H or 1
  std::int64_t blocks;                      // N = ceil(T/S)
  std::int64_t block_size;                  // S
  const std::int32_t* row_begin;            // (heads*N + 1): into key_block
  const std::int32_t* key_block;            // (pairs)
  const std::int32_t* row_multiplicity;     // (pairs): how often the pair is listed, >= 1
  const std::int32_t* column_begin;         // (heads*N + 1): into query_block
  const std::int32_t* query_block;          // (pairs)
  const std::int32_t* column_multiplicity;  // (pairs)
  /// Different for different contents, so that a device can keep what it makes of them; 0: unknown.
  std::int64_t id = 0;
};

/// An id that no other pattern of this process has.
inline std::int64_t new_pattern_id() {
  static std::atomic<std::int64_t> last{0};
  return ++last;
}

/// Softmax attention over the listed blocks: for query i, over all keys j < lengths[b] in its
/// listed blocks, score = scale * q_i.k_j + log(multiplicity). Queries at or beyond lengths[b],
/// and queries without any key, give out = 0 and log_sum_exp = +infinity.
struct BlockAttentionArgs {
  std::int64_t batch, tokens, heads, head_size;
  double scale;  // usually 1/sqrt(D)
  BlockPatternView pattern;
  const std::int32_t* lengths;  // (B), each in [0, T]
  const void* qkv;              // (B,T,3,H,D): packed as the product that makes it leaves it
  void* out;                    // (B,T,H,D)
  void* log_sum_exp;            // (B,H,T), natural log
};
struct BlockAttentionGrad {
  std::int64_t batch, tokens, heads, head_size;
  double scale;
  BlockPatternView pattern;
  const std::int32_t* lengths;  // (B)
  const void* qkv;              // (B,T,3,H,D)
  const void* out;              // (B,T,H,D)
  const void* log_sum_exp;      // (B,H,T)
  const void* dout;             // (B,T,H,D)
  void* dqkv;                   // (B,T,3,H,D), rows beyond the length are 0
};

/// d(total)/d(one loss): factor, times a number in the memory of the kernel set if there is one.
struct LossScale {
  // NOLINTNEXTLINE(google-explicit-constructor): a number is a scale
  LossScale(double its_factor, const double* its_times = nullptr)
      : factor(its_factor), times(its_times) {}

  /// Where that memory is the host's.
  double value() const { return times != nullptr ? factor * *times : factor; }

  double factor;
  const double* times;  // (1) or null
};

/// losses[r] = -weight[label] * log softmax(logits[r])[label]; 0 where label < 0 (ignored).
struct CrossEntropyArgs {
  std::int64_t rows, classes;
  const void* logits;          // (rows,K)
  const std::int32_t* labels;  // (rows), negative = ignored
  const void* class_weights;   // (K) or null
  void* losses;                // (rows)
  void* log_sum_exp;           // (rows), kept for backward
};
struct CrossEntropyGrad {
  std::int64_t rows, classes;
  LossScale scale;             // d(total)/d(losses[r]), e.g. 1 / sum of weights
  const void* logits;          // (rows,K)
  const std::int32_t* labels;  // (rows)
  const void* class_weights;   // (K) or null
  const void* log_sum_exp;     // (rows)
  void* dlogits;               // (rows,K)
};

/// Elementwise loss against a target; a NaN target is missing: loss 0, gradient 0.
/// Binary cross-entropy: softplus(x) - x*target, times positive_weights[k] on the positive part.
/// Squared error: (x - target)^2.
struct ElementLossArgs {
  std::int64_t rows, targets;
  const void* predictions;  // (rows,K): logits, or values
  const void* truth;        // (rows,K)
  const void* weights;      // (K) or null: weight of positives (BCE), weight of the target (MSE)
  void* losses;             // (rows,K)
};
struct ElementLossGrad {
  std::int64_t rows, targets;
  LossScale scale;          // d(total)/d(losses[r,k])
  const void* predictions;  // (rows,K)
  const void* truth;        // (rows,K)
  const void* weights;      // (K) or null
  void* dpredictions;       // (rows,K)
};

/// Decoupled weight decay (Loshchilov & Hutter 2019) of a gradient clipped to a norm: with
/// g = gradient * min(1, clip / sqrt(gradient_squares)), m and v are updated from g, and
/// w -= lr * (m_hat / (sqrt(v_hat) + epsilon) + decay * w). Nothing changes if gradient_squares is
/// not finite.
struct AdamWArgs {
  std::int64_t n;
  std::int64_t step;  // 1 for the first update (bias correction)
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  double clip;                     // most norm of the gradient; 0: any
  const double* gradient_squares;  // (1), in the memory of the kernel set: sum_of_squares
  const void* gradient;            // (n)
  void* value;                     // (n), updated in place
  void* first_moment;              // (n)
  void* second_moment;             // (n)
  /// (spans), rising: elements before the first end decay, those from there to the next do not,
  /// and so on in turns. Without spans all decay.
  const std::int32_t* span_ends = nullptr;
  std::int64_t spans = 0;
};

/// What AdamW multiplies a gradient by. Not a number if the gradient is not finite.
inline double clip_scale(double clip, double gradient_squares) {
  const double norm = std::sqrt(gradient_squares);
  if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
  return clip > 0 && norm > clip ? clip / norm : 1;
}

/// Calls of a kernel set that were captured, to be run again.
class CapturedWork {
 public:
  virtual ~CapturedWork() = default;
  /// The same calls with the same arguments, behind what the kernel set was given before.
  virtual void run() = 0;
};

/// Bytes on their way to the host.
class HostCopy {
 public:
  virtual ~HostCopy() = default;
  /// Waits until they are there, on whichever thread; they stay as long as this object.
  virtual const void* wait() = 0;
};

/// A device's memory is full; what() says how much was asked for and how much there is.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

/// Memory and ops of one device at one precision. Calls are asynchronous where the device is;
/// copy_out() waits. Not thread-safe: one caller at a time.
/// Results do not depend on the number of threads, nor a row's on the number of rows.
class KernelSet {
 public:
  virtual ~KernelSet() = default;

  virtual std::string name() const = 0;  // "cpu", "reference", "cuda:0"
  virtual DType dtype() const = 0;       // of activations and their gradients
  virtual DType parameter_dtype() const { return dtype(); }
  /// The kernels that compute in `dtype` on the same memory: this set, or the part of a bf16 set
  /// that computes in f32. Throws std::invalid_argument if there are none.
  virtual KernelSet& in(DType dtype);
  /// What a user wants to know of the device: instruction set, threads.
  virtual std::string description() const = 0;
  /// Tokens of a batch that keep all of the device busy. On the CPU so many that their activations
  /// stay near the caches.
  virtual std::int64_t tokens_per_batch() const { return 4096; }

  virtual void* allocate(std::size_t bytes) = 0;  // 64-byte aligned; throws std::bad_alloc
  /// The same for parameters: memory that only copy_in, copy, zero and adamw write to, so that
  /// weights in it can be kept in the layout of their products until one of these is called.
  virtual void* allocate_parameters(std::size_t bytes) { return allocate(bytes); }
  virtual void release(void* memory, std::size_t bytes) = 0;
  /// How often allocate() had to ask the system for memory, not having any of its own that fits.
  virtual std::int64_t system_allocations() const = 0;
  virtual void copy_in(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_out(void* host, const void* device, std::size_t bytes) = 0;
  /// The same without the wait: what `device` holds when all that was asked for before is done.
  virtual std::unique_ptr<HostCopy> start_copy_out(const void* device, std::size_t bytes);
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  virtual void zero(void* memory, std::size_t bytes) = 0;
  virtual void synchronize() = 0;

  /// Whether capture() can give the device many calls at once.
  virtual bool captures() const { return false; }
  /// The calls that `work` makes, not run yet; null if they cannot be captured. `work` has been run
  /// before with the same sizes, and neither waits nor copies to the host. What it copies in is
  /// copied in at every run; memory that it allocates and releases belongs to what is captured, and
  /// holds nothing between runs; the rest must outlive it. `work` may be called twice. Throws what
  /// it throws.
  virtual std::unique_ptr<CapturedWork> capture(const std::function<void()>& work);

  virtual void embedding_forward(const EmbeddingArgs&) = 0;
  virtual void embedding_backward(const EmbeddingGrad&) = 0;
  virtual void layer_norm_forward(const LayerNormArgs&) = 0;
  virtual void layer_norm_backward(const LayerNormGrad&) = 0;
  virtual void linear_forward(const LinearArgs&) = 0;
  virtual void linear_backward(const LinearGrad&) = 0;
  /// y (n) = gelu(x)
  virtual void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y) = 0;
  /// dx (n) = dy * gelu'(x); dx may equal dy
  virtual void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy,
                             void* dx) = 0;
  virtual void dropout_forward(const DropoutArgs&) = 0;
  virtual void dropout_backward(const DropoutArgs&) = 0;
  /// y (n) = a + b; y may equal a or b
  virtual void add(std::int64_t n, const void* a, const void* b, void* y) = 0;
  virtual void block_attention_forward(const BlockAttentionArgs&) = 0;
  virtual void block_attention_backward(const BlockAttentionGrad&) = 0;
  /// y[r] = x[index[r]], rows of `bytes` bytes whatever they hold
  virtual void copy_rows(std::int64_t rows, std::int64_t bytes, const std::int32_t* index,
                         const void* x, void* y) = 0;
  /// y[r] (rows,C) of parameter_dtype() = x[index[r]]
  virtual void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                           const void* x, void* y) = 0;
  /// dx[index[r]] += dy[r] of parameter_dtype(), in the order of r
  virtual void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                                const void* dy, void* dx) = 0;
  /// y[b] (B,C) of parameter_dtype() = mean of x[b,t] (B,T,C) over t in [begin[b], end[b]); 0 if
  /// empty
  virtual void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                         const std::int32_t* begin, const std::int32_t* end, const void* x,
                         void* y) = 0;

  virtual void cross_entropy_forward(const CrossEntropyArgs&) = 0;
  virtual void cross_entropy_backward(const CrossEntropyGrad&) = 0;
  virtual void binary_cross_entropy_forward(const ElementLossArgs&) = 0;
  virtual void binary_cross_entropy_backward(const ElementLossGrad&) = 0;
  virtual void squared_error_forward(const ElementLossArgs&) = 0;
  virtual void squared_error_backward(const ElementLossGrad&) = 0;

  virtual void adamw(const AdamWArgs&) = 0;
  /// total (1) = sum of x (n) of parameter_dtype(), accumulated in double in a fixed order.
  virtual void sum(std::int64_t n, const void* x, double* total) = 0;
  /// Sum of squares of x, the same way; not finite if any element is not.
  virtual void sum_of_squares(std::int64_t n, const void* x, double* total) = 0;
};

/// The kernels of a device. `device` is "cpu" (f32, or bf16 where has_bf16), "reference" (plain
/// loops, f32 or f64) or "cuda[:N]"; `threads` 0 takes all cores. Throws std::invalid_argument with
/// a line for the user if the device is not built in or not there, or cannot compute in `dtype`.
std::unique_ptr<KernelSet> make_kernel_set(const std::string& device, DType dtype, int threads);

/// Whether the device multiplies bf16 with instructions of its own, faster than f32.
bool has_bf16(const std::string& device);

/// The GPUs that this build has kernels for and the machine can use now, "cuda:0" and so on. Where
/// there is none, `why_not` says what kept a build with CUDA kernels from using them; else it is
/// empty.
std::vector<std::string> usable_gpus(std::string* why_not);

/// Devices that this build can name, and whether each is usable now, one line each.
std::string describe_devices();

}  // namespace dnabird::kernels
