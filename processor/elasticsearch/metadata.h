// SPDX-License-Identifier: Apache-2.0
//
// What a profile is about: the attributes of its resource, overlaid by those of its scope, overlaid by its own. A view:
// what it was made of outlives it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/otel/profiles.h"

namespace splitprof::elasticsearch {

class Metadata {
 public:
  Metadata(const otel::Dictionary& dictionary, const otel::Resource& resource, const otel::Scope& scope,
           const otel::Profile& profile);

  // Null: it is not there.
  const otel::Value* find(std::string_view key) const;
  // As text, into `scratch` where it is none already; empty: it is not there.
  std::string_view text(std::string_view key, std::string& scratch) const;
  // Those that count, in the order of their keys.
  std::vector<std::pair<std::string_view, const otel::Value*>> all() const;
  std::string_view scope_version() const { return scope_.version; }

 private:
  const otel::Dictionary& dictionary_;
  const otel::Resource& resource_;
  const otel::Scope& scope_;
  const otel::Profile& profile_;
};

}  // namespace splitprof::elasticsearch
