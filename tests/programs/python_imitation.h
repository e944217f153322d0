/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs have in common that pose as CPython 3.IMITATED: the type of code objects with its list of members, the
 * version, the debug offsets. RUNTIME_WORDS: how large _PyRuntime is.
 */
#pragma once

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

EXPORTED uint64_t _PyRuntime[RUNTIME_WORDS] = {
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
