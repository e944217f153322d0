// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/sent_cache.h"

#include <xxhash.h>

#include <bit>

#include "shared/check.h"

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kFirstBuckets = 16;

}  // namespace

SentCache::SentCache(size_t max_entries, uint64_t life_ns, uint64_t seed)
    : max_buckets_(max_entries / kWays),
      life_s_(static_cast<uint32_t>(life_ns / kNsPerSecond)),
      seed_(seed),
      buckets_(kFirstBuckets) {
  CHECK(std::has_single_bit(max_buckets_) && max_buckets_ >= kFirstBuckets);
}

uint64_t SentCache::hash_of(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed_);
}

void SentCache::put_first(Bucket& bucket, size_t way, uint64_t hash, uint32_t time) {
  for (size_t i = way; i > 0; --i) {
    bucket.hashes[i] = bucket.hashes[i - 1];
    bucket.times[i] = bucket.times[i - 1];
  }
  bucket.hashes[0] = hash;
  bucket.times[0] = time;
}

bool SentCache::insert(std::string_view key, uint64_t now_ns) {
  const uint64_t hash = hash_of(key);
  const auto now = static_cast<uint32_t>(now_ns / kNsPerSecond) + 1;
  while (true) {
    Bucket& bucket = bucket_of(hash);
    size_t victim = kWays - 1;
    bool lives = true;  // the victim
    for (size_t i = 0; i < kWays; ++i) {
      const bool over = bucket.times[i] == 0 || now - bucket.times[i] >= life_s_;
      if (bucket.times[i] != 0 && bucket.hashes[i] == hash) {
        put_first(bucket, i, hash, over ? now : bucket.times[i]);
        return over;
      }
      if (over && lives) {
        victim = i;
        lives = false;
      }
    }
    if (lives && buckets_.size() < max_buckets_) {
      grow();
      continue;
    }
    put_first(bucket, victim, hash, now);
    return true;
  }
}

void SentCache::erase(std::string_view key) {
  const uint64_t hash = hash_of(key);
  Bucket& bucket = bucket_of(hash);
  for (size_t i = 0; i < kWays; ++i) {
    if (bucket.hashes[i] == hash) bucket.times[i] = 0;
  }
}

void SentCache::clear() {
  buckets_.assign(kFirstBuckets, {});
}

// Each bucket becomes two, by the next bit of the hashes: none of them can be too full.
void SentCache::grow() {
  std::vector<Bucket> old(buckets_.size() * 2);
  old.swap(buckets_);
  for (const Bucket& bucket : old) {
    for (size_t i = kWays; i-- > 0;) {
      if (bucket.times[i] != 0) put_first(bucket_of(bucket.hashes[i]), kWays - 1, bucket.hashes[i], bucket.times[i]);
    }
  }
}

}  // namespace splitprof::elasticsearch
