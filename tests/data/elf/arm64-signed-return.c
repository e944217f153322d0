// SPDX-License-Identifier: Apache-2.0
//
// Source of arm64-signed-return.so, made by clang 14 and GNU ld 2.40 for arm64:
//   clang --target=aarch64-linux-gnu -O2 -fPIC -fasynchronous-unwind-tables -msign-return-address=non-leaf
//   aarch64-linux-gnu-ld -shared -s -z max-page-size=4096 -z noseparate-code --hash-style=gnu --build-id
int leaf(int x) { return x * 3; }
__attribute__((noinline)) int middle(int x, int (*f)(int)) { return f(x) + leaf(x + 1); }
long many(long* a, int (*f)(int)) {
  long s = 0;
  for (int i = 0; i < a[0]; ++i) s += a[i] * f((int)s) + a[i + 1] / a[i + 2];
  return s;
}
long aligned(long* a, void (*g)(void*)) {
  _Alignas(64) char b[128];
  g(b);
  return a[0] + b[3];
}
long dynamic(long n, void (*g)(void*)) {
  char b[n];
  g(b);
  return b[0];
}
