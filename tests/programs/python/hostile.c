/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that poses as CPython 3.IMITATED and lies about everything a profiler reads of it: `hostile_python3.N MODE`
 * sets the lie up, says "ready", and spins in what is taken for the interpreter's loop until it is killed. Each name
 * that it really has begins with "own_": any other one in a profile is made up. Exits with 77 where the mode is not
 * possible. IMITATED is 8, 11 or 13.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "objects.h"
#include "unanswered.h"

#define UNMAPPED 0x10000ull /* below what mmap gives */
#define KERNEL 0xffff888000000000ull
#define NON_CANONICAL 0x800000000000ull

static int arena_file;
static volatile uint64_t spins;
static volatile int ended; /* never */

/* ---- Lies: how each begins, and what a second thread does from then on ---------------------------------------- */

static char *toggled, *others[2];
static char *many_codes, *many_frames[512];
enum { MANY = 1000000, AT_ONCE = sizeof many_frames / sizeof *many_frames };

static void honest(void) {
  run_names((char*[]){name("own_middle"), name("own_leaf")}, 2);
}

static void cycle(void) {
  char* first = frame(0, address(code(name("own_first"))));
  char* last = frame(frame(first, address(code(name("own_second")))), address(code(name("own_third"))));

  put(first, PREVIOUS, address(last));
  run(address(last));
}

static void million_frames(void) {
  const uint64_t its_code = address(code(name("own_deep")));
  char *frames = map((size_t)MANY * FRAME_BYTES), *at = frames;

  for (int i = 0; i < MANY; i++, at += FRAME_BYTES) frame_at(at, i ? address(at - FRAME_BYTES) : 0, its_code);
  run(address(at - FRAME_BYTES));
}

static void move_frames(unsigned round) {
  const uint64_t places[] = {UNMAPPED, KERNEL, NON_CANONICAL, address(toggled), ~0ull, 1};

  put(toggled, PREVIOUS, places[round / 6 % 6]);
  run(places[round % 6]);
}

static void frames_nowhere(void) {
  toggled = frame(0, address(code(name("own_leaf"))));
  move_frames(0);
}

static void codes_nowhere(void) {
  const uint64_t codes[] = {UNMAPPED, KERNEL, NON_CANONICAL, ~0ull, 0, address(code(name("own_middle"))), 7};

  run_codes(codes, 7);
}

static void garbage_codes(void) {
  uint64_t codes[48];

  for (int i = 0; i < 48; i++) {
    char* object = allocate(CODE_BYTES);
    for (size_t at = 0; at < CODE_BYTES; at += 8) put(object, at, any() >> any() % 64);
    if (i % 3) put(object, OBJECT_TYPE, address(&PyCode_Type));
    if (i % 3 == 2) put(object, 0, 1);
    codes[i] = address(object);
  }
  run_codes(codes, 48);
}

static void garbage_names(void) {
  const uint32_t wide[] = {0x10ffff, 0x110000, 0xffffffff};
  const uint16_t surrogates[] = {'o', 'w', 'n', '_', 0xd800, 0x202e, 0};
  char* end = map(2 * PAGE) + PAGE;

  munmap(end, PAGE); /* the text goes on where nothing is mapped */
  run_names((char*[]){string(1ull << 60, ASCII, "own_a", 5), string(-1ull, ASCII, "own_b", 5),
                      string(1ull << 31, ASCII, "own_c", 5), string_at(end - TEXT - 8, 64, ASCII, "own_cut!", 8),
                      string(10, ASCII, "own_\0\x1b[2J\n", 10), string(5, ASCII, "own_\xff", 5),
                      string(5, LATIN1, "own_\x80", 5), string(7, UCS2, surrogates, sizeof surrogates),
                      string(3, UCS4, wide, sizeof wide), string(4, 0x2c, "own_", 4), string(4, 0x40, "own_", 4),
                      string(4, 0x04, "own_", 4), (char*)KERNEL, (char*)UNMAPPED, 0, string(0, ASCII, "", 0)},
            16);
}

static void garbage_lines(void) {
  const uint64_t lengths[] = {1ull << 40, 1ull << 30, 1ull << 20, -1ull, 4096, 0, 1};
  uint64_t codes[7];

  for (int i = 0; i < 7; i++) {
    char* object = code(name("own_leaf"));
    put(object, LINES, address(table(lengths[i], 4096)));
    codes[i] = address(object);
  }
  run_codes(codes, 7);
}

static void replaced(void) {
  for (int i = 0; i < 2; i++) others[i] = name(i ? "own_other" : "own_leaf");
  toggled = code(others[0]);
  run_codes((uint64_t[]){address(toggled)}, 1);
}

static void replace(unsigned round) {
  const uint64_t types[] = {address(&PyCode_Type), address(&PyCode_Type), 0, KERNEL};

  put(toggled, OBJECT_TYPE, types[round / 64 % 4]);
  memcpy(toggled + FIRST_LINE, &(uint32_t){round & 0xffffff}, sizeof(uint32_t));
  put(toggled, NAME, address(others[round % 2]));
  put(toggled, QUALIFIED_NAME, address(others[round % 2]));
}

static void unmap(unsigned round) {
  munmap(arena, ARENA_BYTES);
  if (round % 4 == 0) usleep(2000);
  if (mmap(arena, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_file, 0) != arena) abort();
  if (round % 4 == 0) usleep(2000);
}

static void uffd_names(void) {
  run_names((char*[]){unanswered_fault(), name("own_leaf")}, 2);
}

static void uffd_frames(void) {
  run(address(unanswered_fault()));
}

static void uffd_type(void) {
  honest();
  PyCode_Type.name = unanswered_fault();
}

static void fuse_names(void) {
  run_names((char*[]){unanswered_read(), name("own_leaf")}, 2);
}

static void fuse_type(void) {
  honest();
  PyCode_Type.name = unanswered_read();
}

static void million_codes(void) {
  char* its_name = name("own_leaf");
  const uint64_t file = address(name("own_file.py")), lines = address(table(0, 0));

  many_codes = map((size_t)MANY * CODE_BYTES);
  for (uint32_t i = 0; i < MANY; i++)
    code_at(many_codes + (size_t)i * CODE_BYTES, address(its_name), file, lines, i + 1);
  for (int i = 0; i < AT_ONCE; i++) many_frames[i] = frame(i ? many_frames[i - 1] : 0, address(many_codes));
  run(address(many_frames[AT_ONCE - 1]));
}

static void change_codes(unsigned round) {
  for (unsigned i = 0; i < AT_ONCE; i++)
    put(many_frames[i], CODE, address(many_codes) + (size_t)(((uint64_t)round * AT_ONCE + i) % MANY) * CODE_BYTES);
}

static void huge_debug_offsets(void) {
  honest();
  for (int at = 24; at < 720; at += 8) _PyRuntime[at / 8] = any() | 1ull << 60;
}

/* The largest that are not refused; those of code objects are compared with the type's list of members. */
static void far_debug_offsets(void) {
  honest();
  _PyRuntime[184 / 8] = _PyRuntime[192 / 8] = 4088;
  for (int at = 232; at <= 248; at += 8) _PyRuntime[at / 8] = 120;
}

static void endless_members(void) {
  struct member* endless = (struct member*)map((1 << 20) * sizeof *endless);

  honest();
  for (int i = 0; i < 1 << 20; i++) endless[i].name = "co_nothing";
  PyCode_Type.members = endless;
}

static void members_nowhere(void) {
  honest();
  PyCode_Type.members = (struct member*)(NON_CANONICAL - 40);
}

static const struct lie {
  const char* name;
  void (*begin)(void);
  void (*go_on)(unsigned round);
  int pause_us; /* between rounds */
} lies[] = {
    {"honest", honest, 0, 0},
    {"cycle", cycle, 0, 0},
    {"million_frames", million_frames, 0, 0},
    {"frames_nowhere", frames_nowhere, move_frames, 100},
    {"codes_nowhere", codes_nowhere, 0, 0},
    {"garbage_codes", garbage_codes, 0, 0},
    {"garbage_names", garbage_names, 0, 0},
    {"garbage_lines", garbage_lines, 0, 0},
    {"replaced", replaced, replace, 0},
    {"unmapped", honest, unmap, 0},
    {"uffd_names", uffd_names, 0, 0},
    {"uffd_frames", uffd_frames, 0, 0},
    {"uffd_type", uffd_type, 0, 0},
    {"fuse_names", fuse_names, 0, 0},
    {"fuse_type", fuse_type, 0, 0},
    {"million_codes", million_codes, change_codes, 0},
    {"huge_offsets", huge_debug_offsets, 0, 0},
    {"far_offsets", far_debug_offsets, 0, 0},
    {"endless_members", endless_members, 0, 0},
    {"members_nowhere", members_nowhere, 0, 0},
};

/* ---- The process ------------------------------------------------------------------------------------------------ */

static void* go_on(void* argument) {
  const struct lie* lie = argument;

  prctl(PR_SET_NAME, "second thread");
  for (unsigned round = 0; !ended; round++) {
    lie->go_on(round);
    if (lie->pause_us) usleep((useconds_t)lie->pause_us);
  }
  return 0;
}

/* 3.8 runs one script's frame in each of C. */
EXPORTED __attribute__((noinline)) uint64_t _PyEval_EvalFrameDefault(int depth) {
  if (depth > 1) return _PyEval_EvalFrameDefault(depth - 1) + 1;
  while (!ended) spins = spins * 3 + 1;
  return spins;
}

int main(int n, char** arguments) {
  pthread_key_t key;
  pthread_t second;
  const struct lie* lie = 0;

  for (size_t i = 0; n == 2 && i < sizeof lies / sizeof *lies; i++)
    if (!strcmp(arguments[1], lies[i].name)) lie = &lies[i];
  if (!lie) return 2;

  arena_file = memfd_create("objects", MFD_CLOEXEC);
  if (arena_file < 0 || ftruncate(arena_file, ARENA_BYTES)) return 77;
  arena = mmap(0, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, arena_file, 0);
  if (arena == MAP_FAILED) return 77;

  put(state, STATE_THREAD, pthread_self());
  if (IMITATED == 11) put(state, STATE_FRAME, address(cframe));
  if (pthread_key_create(&key, 0) || pthread_setspecific(key, state)) return 1;
  memcpy((char*)_PyRuntime + KEY, &key, sizeof(int));
  if (HOLDER) put((char*)_PyRuntime, HOLDER, address(state));

  lie->begin();
  prctl(PR_SET_NAME, lie->name);
  if (lie->go_on && pthread_create(&second, 0, go_on, (void*)lie)) return 1;
  puts("ready");
  fflush(stdout);
  return (int)_PyEval_EvalFrameDefault(IMITATED == 8 ? 64 : 1);
}
