// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value, or an Error that says what went wrong. For bad input, which is everyday life here. The names are
// those of std::expected (C++23), which can replace it. `TRY(x)` unwraps or returns the error from the function around.
#pragma once

#include <fmt/core.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace splitprof {

enum class Errc {
  truncated,    // the input ends too early
  malformed,    // the input breaks its format
  unsupported,  // the format allows it, this program does not
  too_large,    // past a bound of ours
  not_found,
  gone,       // the process, file or peer is no longer there
  denied,     // not permitted
  timed_out,  // did not answer in time
  io,         // a system call failed
};

struct Error {
  Errc code;            // what callers decide on
  std::string message;  // what people read
};

struct Ok {};

template <typename T = Ok>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() { return std::get<1>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <typename... Args>
Error fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace splitprof

// Statement expressions are GCC's and Clang's; both build this project. Not among the values of a braced list that
// owns something: compilers do not destroy what was made of it before the return.
#define TRY(expression)                                                  \
  ({                                                                     \
    auto try_result_ = (expression);                                     \
    if (!try_result_.has_value()) return std::move(try_result_.error()); \
    std::move(try_result_).value();                                      \
  })
