// SPDX-License-Identifier: Apache-2.0
//
// How fast OTLP profiles are read and written, on one core: a large batch (100,000 samples of 30 frames, 1,000 distinct
// stacks) and one as an interval makes it (2,000 samples, 300 stacks), in both encodings. MB are of the encoded form.
#include <time.h>

#include <string>

#include "processor/otlp/codec.h"
#include "shared/check.h"
#include "tests/bench/table.h"
#include "tests/processor/otlp/random_telemetry.h"

namespace splitprof {
namespace {

constexpr int kRepeats = 20;

// Of this thread: another one's work does not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <typename Work>
void measure(const std::string& name, double bytes, double samples, const Work& work) {
  std::vector<double> speed, rate;
  for (int i = 0; i < kRepeats; ++i) {
    const double begin = cpu_seconds();
    work();
    const double took = cpu_seconds() - begin;
    speed.push_back(bytes / 1e6 / took);
    rate.push_back(samples / took);
  }
  print_row(name, "MB/s", speed);
  print_row(name, "samples/s", rate);
}

void measure_batch(const std::string& name, const otel::Profiles& batch) {
  const auto samples = static_cast<double>(batch.sample_count());
  for (const auto encoding : {otlp::Encoding::proto, otlp::Encoding::json}) {
    const std::string what = name + (encoding == otlp::Encoding::json ? ", JSON" : ", protobuf");
    const std::string body = encode(batch, encoding);
    const auto bytes = static_cast<double>(body.size());
    print_row(what, "bytes/sample", {bytes / samples});
    measure(what + ", encode", bytes, samples, [&] { CHECK(encode(batch, encoding).size() == body.size()); });
    measure(what + ", decode", bytes, samples, [&] { CHECK(decode_profiles(body, encoding).has_value()); });
  }
}

}  // namespace
}  // namespace splitprof

int main() {
  splitprof::measure_batch("OTLP, 100,000 samples", splitprof::typical_profiles(100'000, 1'000, 30));
  splitprof::measure_batch("OTLP, 2,000 samples", splitprof::typical_profiles(2'000, 300, 30));
}
