// SPDX-License-Identifier: Apache-2.0
//
// Logging of a process: spdlog on stderr, with journald's <n> prefixes when stderr is the journal, in colour on a
// terminal, plain otherwise. One line a message, whatever it holds: control characters are escaped. main() calls
// set_up() once, before its first thread, and keeps a KjMessages on its stack; the functions may be called anywhere.
#pragma once

#include <kj/exception.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace splitprof::log {

using Level = spdlog::level::level_enum;

// "debug", "info", "warn" or "error".
std::optional<Level> parse_level(std::string_view text);

// `program` stands in each line that is not for the journal, which knows by itself.
void set_up(const std::string& program, Level level);
inline void set_level(Level level) {
  spdlog::set_level(level);
}

// KJ's own messages become messages of ours, on the thread that this object was made on, as long as it lives. KJ wants
// it to be a local variable.
class KjMessages final : public kj::ExceptionCallback {
 public:
  void logMessage(kj::LogSeverity severity, const char* file, int line, int context_depth, kj::String&& text) override;
  // No stack traces: bad input is ordinary here, and a debug build of KJ would start addr2line for each.
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::error(format, std::forward<Args>(args)...);
}

// Bytes that somebody else chose (a path, a comm), for a message: everything but printable ASCII becomes \xNN, the
// backslash too, so that nothing is ambiguous; past `max_bytes` of them the rest is only counted.
std::string printable(std::string_view bytes, size_t max_bytes = 256);

}  // namespace splitprof::log
