// SPDX-License-Identifier: Apache-2.0
//
// A second unit of the files that build.sh makes, so that there is something to share.
#include "inlines.h"

volatile Number sink;

extern "C" Number second_entry(Number n) {
  return deep::middle(n) + 1;  // line 9
}
