/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has what CPython is found by, and no CPython: symbols, a loop in two parts, accessors of its state, a
 * type with members, debug offsets. For tests of what a file may say that somebody made on purpose; never run.
 * IMITATED is 8, 11, 13 or 14.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((used, visibility("default")))
#define VERSION_TEXT_(minor) "3." #minor ".5"
#define VERSION_TEXT(minor) VERSION_TEXT_(minor)

/* PyMemberDef and the part of PyTypeObject that is looked at. */
struct member {
  const char* name;
  long type;
  intptr_t offset;
  long flags;
  const char* doc;
};
struct type {
  char head[24];
  const char* name;
  intptr_t basic_size;
  char methods[200];
  struct member* members;
};

#if IMITATED == 8
#define FLAGS 36
#define ARGUMENTS 16
#define FIRST_LINE 40
#define FILE_NAME 104
#define NAME 112
#define LINES 120
#define START 0
#else
#define FLAGS 48
#define ARGUMENTS (IMITATED == 11 ? 56 : 52)
#define FIRST_LINE (IMITATED == 11 ? 72 : 68)
#define FILE_NAME 112
#define NAME 120
#define LINES 136
#define START (IMITATED == 11 ? 184 : IMITATED == 13 ? 200 : 208)
#endif

static struct member members[] = {
    {"co_argcount", 1, ARGUMENTS, 1, 0},
    {"co_flags", 1, FLAGS, 1, 0},
    {"co_firstlineno", 1, FIRST_LINE, 1, 0},
    {"co_filename", 6, FILE_NAME, 1, 0},
    {"co_name", 6, NAME, 1, 0},
#if IMITATED == 8
    {"co_lnotab", 6, LINES, 1, 0},
#else
    {"co_qualname", 6, 128, 1, 0},
    {"co_linetable", 6, LINES, 1, 0},
#endif
    {0, 0, 0, 0, 0},
};
EXPORTED struct type PyCode_Type = {.name = "code", .basic_size = START, .members = members};

#if IMITATED >= 11
EXPORTED const uint32_t Py_Version = 0x030005f0 | IMITATED << 16;
#endif

EXPORTED uint64_t _PyRuntime[112] = {
#if IMITATED == 13
    0x7970677562656478,
    0x030d05f0,
    0,
    [184 / 8] = 72,
    152,
    [232 / 8] = 8,
    0,
    56,
    72,
    70,
    [280 / 8] = 112,
    120,
    128,
    136,
    68,
    52,
    96,
    104,
    200,
    16,
    8,
    [520 / 8] = 16,
    32,
    [544 / 8] = 32,
    16,
    40,
#elif IMITATED == 14
    0x7970677562656478,
    0x030e05f0,
    0,
    [208 / 8] = 72,
    152,
    [256 / 8] = 8,
    0,
    56,
    80,
    74,
    [320 / 8] = 112,
    120,
    128,
    136,
    68,
    52,
    96,
    104,
    208,
    0,
    16,
    8,
    [600 / 8] = 16,
    32,
    [624 / 8] = 32,
    16,
    40,
#else
    1,
#endif
};

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
  uint64_t stack[40] = {0}, at = 0;

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
