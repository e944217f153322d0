/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has what CPython is found by, and no CPython: symbols, a loop in two parts, accessors of its state, a
 * type with members, debug offsets. For tests of what a file may say that somebody made on purpose; never run.
 * IMITATED is 8, 11, 13 or 14.
 */
#define RUNTIME_WORDS 112
#include "python_imitation.h"

__attribute__((noinline)) void* pthread_getspecific(int key) {
  void** blocks;

  __asm__("mov %%fs:0x10,%0" : "=r"(blocks));
  return ((void***)blocks)[162 + key / 32][key % 32 * 2 + 1];
}

EXPORTED void* PyGILState_GetThisThreadState(void) {
  if (!*(volatile uint64_t*)&_PyRuntime[10]) return 0;
  return pthread_getspecific(*(volatile int*)((char*)_PyRuntime + 100));
}

#if IMITATED >= 13
__thread void* volatile state;

EXPORTED void* _PyThreadState_GetCurrent(void) {
  return state;
}
#else
EXPORTED void* _PyThreadState_UncheckedGet(void) {
  return (void*)*(volatile uint64_t*)&_PyRuntime[9];
}
#endif

int imitated_printf(char* into, const char* format, const char* version);
EXPORTED __attribute__((noinline)) int imitated_printf(char* into, const char* format, const char* version) {
  *into = format[0] + version[0];
  return 1;
}

EXPORTED const char* Py_GetVersion(void) {
  static char text[100];

  imitated_printf(text, "%.80s", VERSION_TEXT(IMITATED));
  return text;
}

__attribute__((cold, noinline)) static void unlikely(uint64_t* stack) {
  __asm__ volatile("" : : "r"(stack) : "memory");
}

EXPORTED uint64_t _PyEval_EvalFrameDefault(volatile uint64_t* code) {
  uint64_t stack[40], at = 0;

  __asm__("" : "=m"(stack)); /* no zeros: compilers write them with memset, and this program has no C library */
  for (;;) {
    switch (*code++) {
      case 0:
        return stack[0];
      case 1:
        stack[at++ % 40] += *code;
        break;
      case 2:
        stack[at % 40] ^= stack[(at + 1) % 40];
        break;
      case 3:
        at--;
        break;
    }
    if (stack[5] == 12345) { /* the compiler moves this away */
      unlikely(stack);
      at += stack[7];
      unlikely(&stack[at % 40]);
    }
  }
}

int main(void) {
  return 0;
}

void _start(void) {
  __asm__ volatile("hlt");
}
