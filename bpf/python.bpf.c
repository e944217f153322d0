/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames of CPython 3.6 on: one step for all versions, which differ in what the processor says about them
 * (bpf/python.def). A frame is recorded as its code object, where it is in the bytecode, and a check word of the code
 * object; names are read later, by somebody who has the time.
 */
#include "interpreter.bpf.h"
#include "python.h"

#define python_field(name) (runtime->fields[SP_PYTHON_##name])

/* The `offset`th byte of the frame that was read into walk->words, as a word, an int or a byte. */
static __always_inline __u64 python_word(const struct sp_walk *walk, __u64 offset)
{
	sp_barrier(offset);
	return *(const __u64 *)((const __u8 *)walk->words + (offset & 0x78));
}

static __always_inline __s32 python_int(const struct sp_walk *walk, __u64 offset)
{
	sp_barrier(offset);
	return *(const __s32 *)((const __u8 *)walk->words + (offset & 0x7c));
}

static __always_inline __u8 python_byte(const struct sp_walk *walk, __u64 offset)
{
	sp_barrier(offset);
	return ((const __u8 *)walk->words)[offset & 0x7f];
}

/* Is that the state of this very thread? */
static __always_inline int python_is_mine(struct sp_walk *walk, const struct sp_runtime *runtime, __u64 state)
{
	__u64 *words = walk->words;

	return state && !sp_read_user(words, 8, state + python_field(state_thread)) && words[0] == walk->thread_pointer;
}

/*
 * The thread's state. Its own variable follows from one interpreter to another, but is empty while the GIL is released
 * (3.12 on); so does the GIL's holder (3.7 to 3.11), which may be another thread; the pthread key knows the state with
 * which the thread began, GIL or not.
 */
static __always_inline __u64 python_state(struct sp_walk *walk, const struct sp_runtime *runtime)
{
	__u64 *words = walk->words;
	__u64 state = sp_thread_local(walk, runtime);

	if (python_is_mine(walk, runtime, state))
		return state;
	if (python_field(holder_address) && !sp_read_user(words, 8, python_field(holder_address))) {
		state = words[0];
		if (python_is_mine(walk, runtime, state))
			return state;
	}
	words[0] = 0;
	if (!python_field(key_address) || sp_read_user(words, 4, python_field(key_address)))
		return 0;
	state = sp_thread_specific(walk, runtime, words[0]);
	return python_is_mine(walk, runtime, state) ? state : 0;
}

/* The innermost frame; not 0: the thread's state or its frame cannot be read. */
static __always_inline int python_first_frame(struct sp_walk *walk, const struct sp_runtime *runtime,
					      struct sp_cursor *cursor, __u64 *frame)
{
	__u64 *words = walk->words;
	__u64 state = python_state(walk, runtime);

	if (!state || sp_read_user(words, 8, state + python_field(state_frame)))
		return -1;
	if (python_field(has_cframe) && words[0]) {
		walk->run_end = words[0]; /* a variable of the innermost loop (Python/ceval.c, cframe) */
		if (sp_read_user(words, 8, words[0] + python_field(cframe_frame)))
			return -1;
	}
	*frame = words[0];
	cursor->more[0] = 0;
	if (python_field(state_base) && !sp_read_user(words, 8, state + python_field(state_base)))
		cursor->more[0] = words[0];
	return 0;
}

/* The check word of a code object; 0: it cannot be read. */
static __always_inline __u32 python_check(struct sp_walk *walk, const struct sp_runtime *runtime, __u64 code)
{
	__u64 n = python_field(check_words);
	__u64 state = SP_CHECK_SEED;
	__u32 i;

	if (code == walk->memo_code)
		return walk->memo_check;
	sp_barrier(n);
	if (n > SP_MAX_CHECK_WORDS || !n || sp_read_user(walk->words, n * 8, code + python_field(check_offset)))
		return 0;
	for (i = 0; i < SP_MAX_CHECK_WORDS; i++) {
		if (i >= n)
			break;
		state = sp_check_add(state, walk->words[i]);
	}
	walk->memo_code = code;
	walk->memo_check = sp_check_end(state);
	sp_meet(walk, walk->memo_check);
	return walk->memo_check;
}

/* Where the frame is in its bytecode; the frame is in walk->words, which this may write over. */
static __always_inline __u32 python_position(struct sp_walk *walk, const struct sp_runtime *runtime, __u64 code)
{
	__u64 *words = walk->words;
	__u64 first = code + python_field(code_start);
	__u64 at, units;

	if (!python_field(position_is_pointer)) {
		__s32 position = python_int(walk, python_field(frame_position));

		if (position < 0) /* -1: it has not begun */
			return 0;
		return position < SP_PYTHON_POSITION_UNKNOWN ? position : SP_PYTHON_POSITION_UNKNOWN;
	}
	at = python_word(walk, python_field(frame_position));
	if (python_field(frame_copy)) {
		__u32 copy = python_int(walk, python_field(frame_copy));

		if (copy) { /* of the table: its size, then a pointer to each copy; copy 0 is the code object's own */
			if (sp_read_user(words, 8, code + python_field(code_copies)) ||
			    sp_read_user(words, 8, words[0] + 8 + (__u64)copy * 8))
				return SP_PYTHON_POSITION_UNKNOWN;
			first = words[0];
		}
	}
	units = (at - first) >> 1;
	if (at + 2 == first) /* one before the first: it has not begun (3.11, 3.12) */
		return 0;
	return units < SP_PYTHON_POSITION_UNKNOWN ? units : SP_PYTHON_POSITION_UNKNOWN;
}

/* The loop was entered from C here: what is next on the stack are frames of C, if there are any. */
static __always_inline int python_end_run(struct sp_walk *walk, struct sp_cursor *cursor, __u64 previous)
{
	if (!previous || previous == cursor->more[0])
		return sp_leave_loop(walk, cursor, SP_CURSOR_DONE);
	cursor->state = SP_CURSOR_ENTRY;
	return walk->draining ? 0 : sp_leave_loop(walk, cursor, SP_CURSOR_ENTRY);
}

/* One frame of a script, or the end of the loop's run. */
static __always_inline int python_step(struct sp_walk *walk)
{
	struct sp_cursor *cursor = sp_active_cursor(walk);
	const struct sp_runtime *runtime = sp_active_runtime(cursor);
	__u64 frame = cursor->frame;
	__u64 code, previous, bytes;
	__u32 position, check;
	__u16 flags;
	__u8 boundary;

	if (!runtime)
		return sp_leave_loop(walk, cursor, SP_CURSOR_DONE);
	if (cursor->state == SP_CURSOR_NEW) {
		if (python_first_frame(walk, runtime, cursor, &frame)) {
			sp_count(SP_COUNT_interpreter_no_thread);
			return sp_leave_loop(walk, cursor, SP_CURSOR_DONE);
		}
		cursor->state = SP_CURSOR_ENTRY;
	}
	if (!frame)
		return sp_leave_loop(walk, cursor, SP_CURSOR_DONE);

	flags = cursor->state == SP_CURSOR_ENTRY ? SP_FRAME_ENTRY : 0;
	bytes = python_field(frame_bytes);
	sp_barrier(bytes);
	if (bytes > sizeof(walk->words) || !bytes || sp_read_user(walk->words, bytes, frame)) {
		sp_count(SP_COUNT_interpreter_unreadable);
		flags |= SP_FRAME_ERROR;
		sp_push(walk, SP_FRAME_HEADER(SP_FRAME_PYTHON, 1, flags, 0), 0);
		return sp_leave_loop(walk, cursor, SP_CURSOR_DONE);
	}
	previous = python_word(walk, python_field(frame_previous));
	code = python_word(walk, python_field(frame_code)) & ~python_field(code_tag);
	boundary = python_byte(walk, python_field(frame_boundary));
	cursor->frame = previous;
	if (python_field(boundary) == SP_PYTHON_OWNER && boundary >= SP_PYTHON_FIRST_FOREIGN_OWNER) {
		walk->run_end = frame; /* a variable of the loop (Python/ceval.c, entry_frame; 3.14: entry) */
		return python_end_run(walk, cursor, previous);
	}
	position = python_position(walk, runtime, code);
	check = python_check(walk, runtime, code);
	if (code > SP_MAX_USER_ADDRESS || !check) {
		sp_count(SP_COUNT_interpreter_code_unreadable);
		code &= SP_MAX_USER_ADDRESS;
		check = 0;
	}
	cursor->state = SP_CURSOR_RUNNING;
	flags |= (position >> 16) << 8;
	sp_push(walk, SP_FRAME_HEADER(SP_FRAME_PYTHON, 1, flags, check), SP_PYTHON_WORD(code, position & 0xffff));
	sp_count(SP_COUNT_interpreter_frames);
	if (previous &&
	    (python_field(boundary) == SP_PYTHON_OWNER || (python_field(boundary) == SP_PYTHON_FLAG && !boundary)))
		return 0;
	return python_end_run(walk, cursor, previous);
}
