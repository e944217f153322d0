/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and frames as CPython 3.IMITATED lays them out, made without it, for hostile.c: the program that includes
 * this has one thread's state, and one arena that it maps before it makes any.
 */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RUNTIME_WORDS 512
#include "../python_imitation.h"

/* Offsets in CPython's structures, from the headers of 3.8.18, 3.11.7 and 3.13.0; HOLDER and KEY in _PyRuntime. */
#if IMITATED == 8
enum { STATE_FRAME = 24, STATE_THREAD = 176, PREVIOUS = 24, CODE = 32, POSITION = 104, BOUNDARY = 0, TEXT = 48 };
enum { HOLDER = 1368, KEY = 1396, QUALIFIED_NAME = NAME };
#elif IMITATED == 11
enum { STATE_FRAME = 56, STATE_THREAD = 152, PREVIOUS = 48, CODE = 32, POSITION = 56, BOUNDARY = 68, TEXT = 48 };
enum { HOLDER = 576, KEY = 596, QUALIFIED_NAME = 128 };
#else
enum { STATE_FRAME = 72, STATE_THREAD = 152, PREVIOUS = 8, CODE = 0, POSITION = 56, BOUNDARY = 70, TEXT = 40 };
enum { HOLDER = 0, KEY = 2164, QUALIFIED_NAME = 128 };
#endif
enum { OBJECT_TYPE = 8, STRING_LENGTH = 16, STRING_STATE = 32, BYTES_SIZE = 16, BYTES_DATA = 32 };
enum { CODE_BYTES = 208, FRAME_BYTES = 112, PAGE = 4096, ARENA_BYTES = 1 << 20 };
enum { ASCII = 0x64, LATIN1 = 0x24, UCS2 = 0x28, UCS4 = 0x30 }; /* states of compact strings (PEP 393) */

static char state[256], cframe[64], *arena;
static size_t arena_used;

/* ---- Objects -------------------------------------------------------------------------------------------------- */

static void put(char* object, size_t offset, uint64_t value) {
  __atomic_store_n((uint64_t*)(object + offset), value, __ATOMIC_RELAXED);
}

static uint64_t address(const void* object) {
  return (uint64_t)(uintptr_t)object;
}

static char* map(size_t bytes) {
  char* mapped = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (mapped == MAP_FAILED) exit(77);
  return mapped;
}

static char* allocate(size_t bytes) {
  char* object = arena + arena_used;

  arena_used += (bytes + 15) / 16 * 16;
  if (arena_used > ARENA_BYTES) abort();
  return object;
}

/* From one generator, so that each run tells the same lies. */
static uint64_t any(void) {
  static uint64_t last = 88172645463325252;

  last ^= last << 13;
  last ^= last >> 7;
  return last ^= last << 17;
}

static char* string_at(char* object, uint64_t length, uint32_t kind, const void* text, size_t bytes) {
  memset(object, 0, TEXT);
  put(object, 0, 1); /* references */
  put(object, STRING_LENGTH, length);
  memcpy(object + STRING_STATE, &kind, sizeof kind);
  memcpy(object + TEXT + (kind == ASCII ? 0 : IMITATED >= 12 ? 16 : 24), text, bytes);
  return object;
}

static char* string(uint64_t length, uint32_t kind, const void* text, size_t bytes) {
  return string_at(allocate(TEXT + 24 + bytes), length, kind, text, bytes);
}

static char* name(const char* text) {
  return string(strlen(text), ASCII, text, strlen(text));
}

static char* table(uint64_t length, size_t bytes) {
  char* object = allocate(BYTES_DATA + bytes);

  put(object, 0, 1);
  put(object, BYTES_SIZE, length);
  for (size_t i = 0; i < bytes; i++) object[BYTES_DATA + i] = (char)any();
  return object;
}

static void code_at(char* code, uint64_t its_name, uint64_t file, uint64_t lines, uint32_t first_line) {
  put(code, 0, 1);
  put(code, OBJECT_TYPE, address(&PyCode_Type));
  put(code, FILE_NAME, file);
  put(code, NAME, its_name);
  put(code, QUALIFIED_NAME, its_name);
  put(code, LINES, lines);
  memcpy(code + FIRST_LINE, &first_line, sizeof first_line);
}

static char* code(const char* its_name) {
  char* object = allocate(CODE_BYTES);

  code_at(object, address(its_name), address(name("own_file.py")), address(table(0, 0)), 1);
  return object;
}

/* ---- Frames --------------------------------------------------------------------------------------------------- */

static void frame_at(char* frame, uint64_t previous, uint64_t its_code) {
  put(frame, PREVIOUS, previous);
  put(frame, CODE, its_code);
  if (IMITATED >= 11) put(frame, POSITION, its_code + START);
}

static char* frame(char* previous, uint64_t its_code) {
  char* made = allocate(FRAME_BYTES);

  frame_at(made, address(previous), its_code);
  return made;
}

static void run(uint64_t innermost) {
  put(IMITATED == 11 ? cframe : state, IMITATED == 11 ? 8 : STATE_FRAME, innermost);
}

/* One frame for each of the codes, on a root that is as it should be. */
static void run_codes(const uint64_t* codes, int n) {
  char* innermost = frame(0, address(code(name("own_root"))));

  for (int i = 0; i < n; i++) innermost = frame(innermost, codes[i]);
  run(address(innermost));
}

static void run_names(char* const* names, int n) {
  uint64_t codes[64];

  for (int i = 0; i < n; i++) codes[i] = address(code(names[i]));
  run_codes(codes, n);
}
