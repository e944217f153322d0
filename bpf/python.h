/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* CPython's part of the contract between the programs in the kernel and user space; see abi.h and runtimes.def. */
#ifndef SPLITPROF_PYTHON_H
#define SPLITPROF_PYTHON_H

#include "abi.h"

/* The `fields` of its struct sp_runtime: SP_PYTHON_state_frame, … */
enum sp_python_field {
#define SP_FIELD(number, name, lowest, highest, text) SP_PYTHON_##name = number,
#include "python.def"
#undef SP_FIELD
};

/* What the field `boundary` says. */
enum sp_python_boundary {
	SP_PYTHON_EACH = 0,
	SP_PYTHON_FLAG = 1,
	SP_PYTHON_OWNER = 2,
};
#define SP_PYTHON_FIRST_FOREIGN_OWNER 3 /* FRAME_OWNED_BY_CSTACK, from 3.14 on FRAME_OWNED_BY_INTERPRETER */

/*
 * A frame of CPython. One word: the code object's address in the low 48 bits, above it the low 16 bits of the position.
 * The flags' high byte is the position's upper 8 bits, `extra` the check word of the code object, 0 when that could not
 * be read. The position counts bytes up to 3.9, then units of 2 bytes. With SP_FRAME_ERROR there is no code object: the
 * chain of frames could not be read any further.
 */
#define SP_PYTHON_POSITION_UNKNOWN 0xffffff
#define SP_PYTHON_WORD(code, position) ((code) | (__u64)(position) << 48)
#define SP_PYTHON_CODE(word) ((word)&SP_MAX_USER_ADDRESS)
#define SP_PYTHON_POSITION(word, flags) ((__u32)((word) >> 48) | ((__u32)(flags) >> 8) << 16)

#endif
