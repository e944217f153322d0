// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/sent_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

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

size_t SentCache::find(const Bucket& bucket, uint64_t hash) {
  size_t way = 0;
  while (way < kWays && (bucket.hashes[way] != hash || bucket.times[way] == 0)) ++way;
  return way;
}

void SentCache::put_first(Bucket& bucket, size_t way, uint64_t hash, uint32_t time) {
  if (way > 0) {
    std::memmove(&bucket.hashes[1], &bucket.hashes[0], way * sizeof bucket.hashes[0]);
    std::memmove(&bucket.times[1], &bucket.times[0], way * sizeof bucket.times[0]);
  }
  bucket.hashes[0] = hash;
  bucket.times[0] = time;
}

bool SentCache::insert(std::string_view key, uint64_t now_ns) {
  const uint64_t hash = hash_of(key);
  const auto now = static_cast<uint32_t>(now_ns / kNsPerSecond) + 1;
  const auto is_over = [&](uint32_t time) { return time == 0 || now - time >= life_s_; };
  while (true) {
    Bucket& bucket = bucket_of(hash);
    if (const size_t way = find(bucket, hash); way < kWays) {
      const uint32_t time = bucket.times[way];
      put_first(bucket, way, hash, is_over(time) ? now : time);
      return is_over(time);
    }
    size_t way = 0;
    while (way < kWays && !is_over(bucket.times[way])) ++way;
    if (way == kWays && buckets_.size() < max_buckets_) {
      grow();
      continue;
    }
    put_first(bucket, std::min(way, kWays - 1), hash, now);
    return true;
  }
}

void SentCache::erase(std::string_view key) {
  const uint64_t hash = hash_of(key);
  Bucket& bucket = bucket_of(hash);
  if (const size_t way = find(bucket, hash); way < kWays) bucket.times[way] = 0;
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
