// SPDX-License-Identifier: Apache-2.0
#include "shared/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <memory>

namespace splitprof::log {
namespace {

template <typename Output>
void append_escaped(Output out, std::string_view text, bool escape_backslash) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' && escape_backslash) {
      fmt::format_to(out, "\\\\");
    } else if (byte >= 0x20 && byte < 0x7f) {
      *out++ = c;
    } else {
      fmt::format_to(out, "\\x{:02x}", byte);
    }
  }
}

// Priorities of syslog(3), which the journal reads from the front of a line (sd-daemon(3)).
int priority_of(Level level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    fmt::format_to(std::back_inserter(line), "<{}>", priority_of(message.level));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

// The text of a message. Whoever forgets printable() still cannot be made to write two lines or move a cursor.
class OneLineFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    append_escaped(std::back_inserter(line), {message.payload.data(), message.payload.size()}, false);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OneLineFlag>(); }
};

// systemd names the stream that it connected by device and inode (systemd.exec(5), $JOURNAL_STREAM): the variable may
// be inherited by a process whose stderr goes elsewhere.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status;
  if (!stream || fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

std::optional<Level> parse_level(std::string_view text) {
  if (text == "debug") return spdlog::level::debug;
  if (text == "info") return spdlog::level::info;
  if (text == "warn") return spdlog::level::warn;
  if (text == "error") return spdlog::level::err;
  return std::nullopt;
}

void set_up(const std::string& program, Level level) {
  std::shared_ptr<spdlog::sinks::sink> sink;  // shared because spdlog's loggers share sinks
  const char* pattern;
  if (stderr_is_journal()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    pattern = "%*%&";
  } else if (isatty(STDERR_FILENO)) {
    sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
    pattern = "%H:%M:%S.%e %n: %^%l%$: %&";
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    pattern = "%Y-%m-%dT%H:%M:%S.%e%z %n: %l: %&";
  }
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PriorityFlag>('*').add_flag<OneLineFlag>('&').set_pattern(pattern);
  auto logger = std::make_shared<spdlog::logger>(program, std::move(sink));
  logger->set_formatter(std::move(formatter));
  logger->set_level(level);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void KjMessages::logMessage(kj::LogSeverity severity, const char* file, int line, int, kj::String&& text) {
  const auto level = [&] {
    switch (severity) {
      case kj::LogSeverity::INFO:
        return spdlog::level::info;
      case kj::LogSeverity::WARNING:
        return spdlog::level::warn;
      case kj::LogSeverity::DBG:
        return spdlog::level::debug;
      default:
        return spdlog::level::err;
    }
  }();
  std::string_view message(text.cStr(), text.size());
  while (message.ends_with('\n')) message.remove_suffix(1);
  spdlog::log(level, "{} ({}:{})", message, file, line);
}

std::string printable(std::string_view bytes, size_t max_bytes) {
  std::string text;
  append_escaped(std::back_inserter(text), bytes.substr(0, max_bytes), true);
  if (bytes.size() > max_bytes) text += fmt::format("... ({} more bytes)", bytes.size() - max_bytes);
  return text;
}

}  // namespace splitprof::log
