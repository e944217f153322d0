// SPDX-License-Identifier: Apache-2.0
//
// SentCache: a bounded set of what was sent and need not be sent again for a while. An entry's life counts from its
// insertion; being found does not extend it. Not exact, for the sake of memory (twelve bytes an entry): it is built as
// caches of processors are, buckets of 16 ways, each of which forgets its least recently used entry when it is full.
// To forget costs one document sent twice; to take one key for another (2^-51 a pair in a bucket, by a hash with a
// secret seed) costs one document not sent until the life is over. Export thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace splitprof::elasticsearch {

class SentCache {
 public:
  // `max_entries`: a power of two, 256 or more.
  SentCache(size_t max_entries, uint64_t life_ns, uint64_t seed);

  // True: it was not in the set, or its life was over. From now on it is.
  bool insert(std::string_view key, uint64_t now_ns);
  void erase(std::string_view key);
  void clear();
  size_t memory_bytes() const { return buckets_.size() * sizeof(Bucket); }

 private:
  static constexpr size_t kWays = 16;
  struct Bucket {
    std::array<uint64_t, kWays> hashes{};  // most recently used first
    std::array<uint32_t, kWays> times{};   // of insertion, in seconds, plus 1; 0: free
  };

  Bucket& bucket_of(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  uint64_t hash_of(std::string_view key) const;
  // kWays: it is not there.
  static size_t find(const Bucket& bucket, uint64_t hash);
  // Puts (hash, time) first; the entries before `way` move up by one.
  static void put_first(Bucket& bucket, size_t way, uint64_t hash, uint32_t time);
  void grow();

  size_t max_buckets_;
  uint32_t life_s_;
  uint64_t seed_;
  std::vector<Bucket> buckets_;
};

}  // namespace splitprof::elasticsearch
