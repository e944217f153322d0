// SPDX-License-Identifier: Apache-2.0
//
// splitprof-demo SECONDS: the program that quickstart profiles. A toy order service with three busy threads: `intake`
// parses and checks orders, `pricing` searches recursively, `journal` writes to disk and reads back, so that a flame
// graph of it has something to show: depth, recursion, the kernel, and code of the C++ library.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "busy.h"

namespace shop {

struct Order {
  unsigned customer = 0, article = 0, quantity = 0;
  double price = 0;
};

// Reads numbers out of text by hand: a stripped C library has no names for its own inner functions to show.
class OrderParser {
 public:
  SPLITPROF_KEEP Order parse(std::string_view line) {
    Order order;
    order.customer = take_number(line);
    order.article = take_number(line);
    order.quantity = take_number(line);
    order.price = take_number(line) / 100.0;
    return order;
  }

 private:
  SPLITPROF_KEEP static unsigned take_number(std::string_view& line) {
    unsigned number = 0;
    size_t at = 0;
    for (; at < line.size() && line[at] != ','; at++)
      if (line[at] >= '0' && line[at] <= '9') number = number * 10 + static_cast<unsigned>(line[at] - '0');
    line.remove_prefix(std::min(at + 1, line.size()));
    return number;
  }
};

class Ledger {
 public:
  SPLITPROF_KEEP void book(const Order& order) {
    auto& lines = by_customer_[order.customer];
    lines.push_back(order);
    if (lines.size() > 256) settle(lines);
  }

 private:
  SPLITPROF_KEEP void settle(std::vector<Order>& lines) {
    std::sort(lines.begin(), lines.end(), [](const Order& a, const Order& b) { return a.article < b.article; });
    lines.clear();
  }
  std::map<unsigned, std::vector<Order>> by_customer_;
};

// The best set of discounts by branching on each of them: a deep recursion.
class PriceSearch {
 public:
  SPLITPROF_KEEP double best_price(const std::vector<double>& discounts, size_t next, double price) {
    if (next == discounts.size()) return round_to_cents(price);
    const double taken = best_price(discounts, next + 1, price * (1 - discounts[next]));
    const double left_out = best_price(discounts, next + 1, price + 0.01 * static_cast<double>(next));
    return std::min(taken, left_out);
  }

 private:
  SPLITPROF_KEEP double round_to_cents(double price) {
    for (int i = 0; i < 20; i++) price = static_cast<double>(static_cast<long long>(price * 100 + 0.5)) / 100 + 1e-9;
    return price;
  }
};

class Journal {
 public:
  Journal() {
    char path[] = "/tmp/splitprof-demo-XXXXXX";
    fd_ = mkstemp(path);
    if (fd_ >= 0) unlink(path);
  }
  ~Journal() {
    if (fd_ >= 0) close(fd_);
  }
  SPLITPROF_KEEP bool append(std::string_view block) {
    offset_ = (offset_ + block.size()) % (8 << 20);
    return pwrite(fd_, block.data(), block.size(), static_cast<off_t>(offset_)) == static_cast<ssize_t>(block.size());
  }
  SPLITPROF_KEEP uint64_t verify() {
    char block[16384];
    uint64_t sum = 0;
    const ssize_t size = pread(fd_, block, sizeof(block), static_cast<off_t>(offset_));
    for (ssize_t i = 0; i < size; i++) sum = sum * 31 + static_cast<unsigned char>(block[i]);
    return sum;
  }

 private:
  int fd_ = -1;
  size_t offset_ = 0;
};

SPLITPROF_KEEP std::vector<std::string> make_lines() {
  std::mt19937 random(42);
  std::vector<std::string> lines;
  for (int i = 0; i < 2000; i++) {
    lines.push_back("customer-" + std::to_string(random() % 300) + ",article-" + std::to_string(random() % 5000) + "," +
                    std::to_string(random() % 100) + "," + std::to_string(random() % 10000) + ".25");
  }
  return lines;
}

SPLITPROF_KEEP void run_intake(Clock::time_point deadline) {
  pthread_setname_np(pthread_self(), "intake");
  const auto lines = make_lines();
  OrderParser parser;
  Ledger ledger;
  while (Clock::now() < deadline)
    for (const auto& line : lines) ledger.book(parser.parse(line));
}

SPLITPROF_KEEP void run_pricing(Clock::time_point deadline) {
  pthread_setname_np(pthread_self(), "pricing");
  PriceSearch search;
  const std::vector<double> discounts = {0.01, 0.02, 0.03, 0.05, 0.01, 0.04, 0.02, 0.03, 0.01, 0.02, 0.05, 0.01};
  double sum = 0;
  while (Clock::now() < deadline) sum += search.best_price(discounts, 0, 100);
  if (sum < 0) std::abort();
}

SPLITPROF_KEEP bool run_journal(Clock::time_point deadline) {
  pthread_setname_np(pthread_self(), "journal");
  Journal journal;
  const std::string block(16384, 'j');
  uint64_t sum = 0;
  bool written = true;
  while (Clock::now() < deadline) {
    written = journal.append(block) && written;
    sum += journal.verify();
  }
  return written && sum != 0;
}

}  // namespace shop

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 10));
  std::thread intake(shop::run_intake, deadline), pricing(shop::run_pricing, deadline);
  std::atomic<bool> written = true;
  std::thread journal([&] { written = shop::run_journal(deadline); });
  for (auto* thread : {&intake, &pricing, &journal}) thread->join();
  return written ? 0 : 1;
}
