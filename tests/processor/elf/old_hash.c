/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose symbols are found by DT_HASH only, as linkers made them before 2006. */
int splitprof_tiny_variable = 1;

int splitprof_tiny(void) {
  return splitprof_tiny_variable;
}
