// SPDX-License-Identifier: Apache-2.0
#include "processor/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>

#include "processor/http/transfer.h"
#include "shared/check.h"

namespace splitprof::http {
namespace {

constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint64_t kLongestWaitMs = 60'000;

}  // namespace

struct Client::State {
  struct Finished {
    uint64_t number;
    CURLcode result;
    std::optional<Error> never_began;
  };

  Library library;
  CURLM* multi = curl_multi_init();
  uint64_t last_number = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Transfer>> transfers;
  std::deque<uint64_t> waiting;   // their server has as many connections as it may
  std::deque<Finished> finished;  // off the multi handle; `done` is still to be called

  void begin(uint64_t number);
  void begin_waiting();
  // Off the multi handle.
  void end(Transfer& transfer);
  void perform();
};

void Client::State::begin(uint64_t number) {
  auto& transfer = *transfers.at(number);
  if (transfer.server().max_connections != 0 && transfer.server().running >= transfer.server().max_connections) {
    waiting.push_back(number);
    return;
  }
  if (auto ready = transfer.set_up(); !ready) {
    finished.push_back({number, CURLE_OK, std::move(ready.error())});
    return;
  }
  ++transfer.server().running;
  CHECK(curl_easy_setopt(transfer.handle(), CURLOPT_PRIVATE, reinterpret_cast<void*>(number)) == CURLE_OK);
  CHECK(curl_multi_add_handle(multi, transfer.handle()) == CURLM_OK);
}

void Client::State::begin_waiting() {
  for (const uint64_t number : std::exchange(waiting, {})) begin(number);
}

void Client::State::end(Transfer& transfer) {
  CHECK(curl_multi_remove_handle(multi, transfer.handle()) == CURLM_OK);
  --transfer.server().running;
}

void Client::State::perform() {
  int still_running = 0;
  CHECK(curl_multi_perform(multi, &still_running) == CURLM_OK);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;  // the message does not outlive its handle's removal
    void* number = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &number);
    finished.push_back({reinterpret_cast<uint64_t>(number), result, std::nullopt});
    end(*transfers.at(finished.back().number));
  }
  if (!waiting.empty()) begin_waiting();
}

Client::Client() : state_(std::make_unique<State>()) {
  CHECK(state_->multi != nullptr);
  preload_name_resolution();
}

Client::~Client() {
  while (!state_->transfers.empty()) cancel(state_->transfers.begin()->first);
  curl_multi_cleanup(state_->multi);
}

uint64_t Client::start(const Server& server, Request request, Done done) {
  const uint64_t number = ++state_->last_number;
  state_->transfers.emplace(number, std::make_unique<Transfer>(*server.state_, std::move(request), std::move(done)));
  state_->begin(number);
  return number;
}

void Client::cancel(uint64_t number) {
  const auto found = state_->transfers.find(number);
  if (found == state_->transfers.end()) return;
  const auto is_it = [&](const auto& one) { return one.number == number; };
  const bool off = std::erase(state_->waiting, number) + std::erase_if(state_->finished, is_it) != 0;
  if (!off) state_->end(*found->second);
  state_->transfers.erase(found);
  state_->begin_waiting();
}

size_t Client::running() const {
  return state_->transfers.size();
}

void Client::run(uint64_t timeout_ns) {
  state_->perform();
  if (state_->finished.empty()) {
    const auto wait_ms = std::min((timeout_ns + kMillisecondNs - 1) / kMillisecondNs, kLongestWaitMs);
    CHECK(curl_multi_poll(state_->multi, nullptr, 0, static_cast<int>(wait_ms), nullptr) == CURLM_OK);
    state_->perform();
  }
  // What `done` starts ends in a later run.
  for (size_t left = state_->finished.size(); left > 0 && !state_->finished.empty(); --left) {
    const auto one = std::move(state_->finished.front());
    state_->finished.pop_front();
    const auto transfer = std::move(state_->transfers.extract(one.number).mapped());
    one.never_began ? transfer->finish(*one.never_began) : transfer->finish(one.result);
  }
}

void Client::wake() {
  curl_multi_wakeup(state_->multi);
}

}  // namespace splitprof::http
