// SPDX-License-Identifier: Apache-2.0
//
// The memory that a decoder may still fill, and how decoders say no. protozero reports what is malformed by exceptions;
// within the decoders our own refusals go the same way, and end as a Result in decode_profiles().
#pragma once

#include <exception>
#include <utility>
#include <vector>

#include "shared/result.h"

namespace splitprof::otlp {

struct Refused : std::exception {
  explicit Refused(Error its_error) : error(std::move(its_error)) {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};

class Budget {
 public:
  explicit Budget(uint64_t bytes) : total_(bytes), left_(bytes) {}
  void spend(uint64_t bytes) {
    if (bytes > left_) throw Refused(fail(Errc::too_large, "its decoded form is larger than {} bytes", total_));
    left_ -= bytes;
  }

 private:
  uint64_t total_, left_;
};

// Appends one; a vector that grows holds at most twice of what is spent here.
template <typename T>
T& append(std::vector<T>& list, Budget& budget) {
  budget.spend(sizeof(T));
  return list.emplace_back();
}
template <typename T>
void append(std::vector<T>& list, T value, Budget& budget) {
  budget.spend(sizeof(T));
  list.push_back(value);
}

}  // namespace splitprof::otlp
