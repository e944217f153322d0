// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/time_text.h"

#include <chrono>
#include <cstring>

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kSecondsEnd = 19;  // of "2026-08-29T10:40:00"

void put_two(char* out, unsigned number) {
  out[0] = static_cast<char>('0' + number / 10);
  out[1] = static_cast<char>('0' + number % 10);
}

void put_second(char* out, uint64_t unix_s) {
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(unix_s));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto second_of_day = static_cast<unsigned>((time - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));  // 1970 to 2554: 64 bits of nanoseconds
  std::memcpy(out, "....-..-..T..:..:..", kSecondsEnd);
  put_two(out, year / 100);
  put_two(out + 2, year % 100);
  put_two(out + 5, static_cast<unsigned>(date.month()));
  put_two(out + 8, static_cast<unsigned>(date.day()));
  put_two(out + 11, second_of_day / 3600);
  put_two(out + 14, second_of_day / 60 % 60);
  put_two(out + 17, second_of_day % 60);
}

}  // namespace

std::string_view TimeText::format(uint64_t unix_time) {
  if (unix_time <= UINT32_MAX) unix_time *= kNsPerSecond;
  if (const uint64_t second = unix_time / kNsPerSecond; second != second_) {
    second_ = second;
    put_second(text_, second);
  }
  size_t end = kSecondsEnd;
  auto ns = static_cast<uint32_t>(unix_time % kNsPerSecond);
  if (ns > 0) {
    text_[kSecondsEnd] = '.';
    for (size_t i = kSecondsEnd + 9; i > kSecondsEnd; --i, ns /= 10) text_[i] = static_cast<char>('0' + ns % 10);
    end = kSecondsEnd + 10;
    while (text_[end - 1] == '0') --end;
  }
  text_[end] = 'Z';
  return {text_, end + 1};
}

uint64_t week_of(uint64_t unix_s) {
  constexpr uint64_t kSecondsBefore1970 = 62'135'596'800;  // since Monday, 1 January of year 1
  constexpr uint64_t kWeek = 7 * 24 * 3600;
  const uint64_t since_monday = (unix_s + kSecondsBefore1970) % kWeek;
  return unix_s > since_monday ? unix_s - since_monday : 0;
}

}  // namespace splitprof::elasticsearch
