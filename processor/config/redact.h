// SPDX-License-Identifier: Apache-2.0
//
// A document as it can be shown to others: `--print-config`. By names of keys, wherever they stand, so that a key that
// is misspelt, or of a component that is not ours, hides its value all the same.
#pragma once

#include <string>

#include "processor/config/value.h"

namespace splitprof::config {

// Passwords, tokens, keys and certificates, everything below "headers", and user and password of URLs.
void redact(Value& document);
std::string print_yaml(const Value& document);

}  // namespace splitprof::config
