/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How CPython keeps a thread's state from 3.12 on (Python/pystate.c): a hidden variable and the function that returns
 * it.
 */
#pragma GCC visibility push(hidden)
__thread long tls_before = 1; /* with a value, so it comes first in the block */
__thread void* tls_state = 0;
#pragma GCC visibility pop

void* _PyThreadState_GetCurrent(void) {
  return tls_state;
}

void tls_set(void* value) {
  tls_before = 0;
  tls_state = value;
}
