// SPDX-License-Identifier: Apache-2.0
//
// The class of a Java method, from its signature: com.acme.Ledger of `int com.acme.Ledger.post(java.lang.String)`.
#pragma once

#include <string>
#include <string_view>

namespace splitprof::metrics {

// Package, dot, class: a class without a package begins with the dot. Never fails; what is no signature gives
// something.
std::string jvm_class(std::string_view function);

}  // namespace splitprof::metrics
