/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what pthread_getspecific() gives for keys of the first and the second block, and where its thread pointer is;
 * then waits until its input ends.
 */
#include <pthread.h>
#include <stdio.h>

#define KEYS 40 /* glibc keeps the first 32 apart from the others */

int main(void) {
  pthread_key_t keys[KEYS];

  printf("%llu", (unsigned long long)pthread_self());
  for (int i = 0; i < KEYS; i++) {
    if (pthread_key_create(&keys[i], 0) || pthread_setspecific(keys[i], &keys[i])) return 1;
    printf(" %u %llu", keys[i], (unsigned long long)pthread_getspecific(keys[i]));
  }
  printf("\n");
  fflush(stdout);
  getchar();
  return 0;
}
