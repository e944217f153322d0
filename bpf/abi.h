/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the programs in the kernel and user space: every map key, map value and ring record.
 * Plain C, included by BPF C and by C++. Fixed-width integers only, padding is explicit, sizes are asserted, because
 * one source has to mean one thing to three compilers. Fields are added, never moved. docs/records.md draws it.
 */
#ifndef SPLITPROF_ABI_H
#define SPLITPROF_ABI_H

#include <linux/types.h>

#include "check_word.h"

#ifdef __cplusplus
#define SP_ASSERT(condition) static_assert(condition, #condition)
extern "C" {
#else
#define SP_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* ---- The arena: unwind rows, page indexes and mapping lists -------------------------------------------------- */

/*
 * The arena is an array of maps of SP_ARENA_SLOTS slots; each inner map is one element of 256 KiB, a *chunk*, written
 * whole (0.03 ms on Linux 6.18; 65,536 single updates took 48.7 ms). A chunk holds *blocks*. The first word of a block
 * is its generation, repeated in whatever points to it: a mismatch means that the block was freed meanwhile.
 */
#define SP_ARENA_SLOTS 1024
#define SP_CHUNK_WORDS 65536
#define SP_CHUNK_BYTES (SP_CHUNK_WORDS * 4)
#define SP_REF(slot, word) (((__u32)(slot) << 16) | (word))
#define SP_REF_SLOT(ref) ((ref) >> 16)
#define SP_REF_WORD(ref) ((ref)&0xffff)

struct sp_chunk {
	__u32 words[SP_CHUNK_WORDS];
};
SP_ASSERT(sizeof(struct sp_chunk) == SP_CHUNK_BYTES);

/*
 * Unwind rows. The addresses of an executable are cut into pages of 64 KiB. A row is one word: the low half is the
 * offset in the page where it begins to hold, the high half the rule that holds from there on. A page's rows are
 * sorted, strictly ascending, and the first one has offset 0 (what holds at the page's start is carried into it).
 * A block of rows is the generation followed by the rows of one page; it never crosses a chunk.
 */
#define SP_ROW_PAGE_SHIFT 16
#define SP_ROW(offset, rule) (((__u32)(rule) << 16) | (__u32)(offset))
#define SP_ROW_OFFSET(row) ((row)&0xffff)
#define SP_ROW_RULE(row) ((row) >> 16)
#define SP_MAX_ROWS_PER_PAGE 32768 /* of 65,536 possible ones; the densest of 2,389 Debian files has 8,876 */
#define SP_ROW_SEARCH_STEPS 16	   /* halvings that bring 65,535 rows down to one */

/* A page index is a block: its generation and a pad word, then one entry a page. Chunks bound it. */
struct sp_page_entry {
	__u32 rows;   /* reference of the block of rows; 0: no row in this page */
	__u32 n_rows; /* at most SP_MAX_ROWS_PER_PAGE */
};
SP_ASSERT(sizeof(struct sp_page_entry) == 8);
#define SP_PAGE_INDEX_HEADER_WORDS 2
#define SP_MAX_PAGES 32767 /* 2 GiB of addresses: the most that one chunk's page index describes */

/* Value of `executables`, by table number. Number 0 is never used: it stands for "no table". */
struct sp_executable {
	__u32 generation; /* 0: not installed */
	__u32 pages;	  /* reference of the page index */
	__u32 n_pages;
	__u32 pad;
	__u64 first_page; /* page number of the first entry: (ELF address >> 16) - first_page indexes the page index */
};
SP_ASSERT(sizeof(struct sp_executable) == 24);
#define SP_MAX_EXECUTABLES 16384
#define SP_TABLE_INDEX_BITS 14
#define SP_TABLE(index, generation) ((__u32)(index) | ((__u32)(generation) << SP_TABLE_INDEX_BITS))
#define SP_TABLE_INDEX(table) ((table) & (SP_MAX_EXECUTABLES - 1))
#define SP_TABLE_GENERATION(table) ((table) >> SP_TABLE_INDEX_BITS) /* the generation's low 18 bits */
#define SP_TABLE_GENERATION_MASK 0x3ffff

/* ---- Rules: how one frame's registers follow from those of the frame that it called --------------------------- */

/* How the CFA (the caller's stack pointer) is found. */
enum sp_cfa {
	SP_CFA_NONE = 0,       /* nobody knows: try the frame pointer */
	SP_CFA_SP = 1,	       /* sp + offset */
	SP_CFA_FP = 2,	       /* fp + offset */
	SP_CFA_PLT = 3,	       /* sp + offset, and 8 more from the 11th byte of a 16-byte PLT entry on */
	SP_CFA_DEREF_SP = 4,   /* *(sp + offset) + words: OpenSSL's vector code, which keeps the old sp on the stack */
	SP_CFA_DEREF_FP = 5,   /* *(fp + offset) + words: a realigned stack, once its prologue is over */
	SP_CFA_REGISTER = 6,   /* another register + offset: one that is never saved, or where all are known */
	SP_CFA_SIGNAL = 7,     /* the kernel's signal frame at sp: all registers are in it */
	SP_CFA_ASK = 8,	       /* too rare for a rule: the processor would have to do it from a stack copy */
	SP_CFA_END = 9,	       /* the outermost frame: its return address is undefined */
	SP_CFA_FP_SWITCH = 10, /* fp + offset, on another stack, which may lie anywhere: Go's runtime.systemstack */
};

/* Where the caller's frame pointer is. */
enum sp_fp {
	SP_FP_SAME = 0,	      /* not saved: unchanged */
	SP_FP_CFA_OFFSET = 1, /* at cfa + fp_offset */
	SP_FP_FP_OFFSET = 2,  /* at fp + fp_offset: a realigned stack */
};

/* Where the return address is. */
enum sp_ra {
	SP_RA_CFA_8 = 0,      /* at cfa - 8: the call instruction of x86-64 put it there */
	SP_RA_AFTER_FP = 1,   /* at cfa + fp_offset + 8: arm64's stp x29, x30 */
	SP_RA_CFA_OFFSET = 2, /* at cfa + fp_offset, and the frame pointer is SP_FP_SAME */
	SP_RA_REGISTER = 3,   /* arm64: still in x30; only the leaf, and the frame that a signal interrupted */
};

/* Value of `rules`. Equal rules of all executables share one entry. */
struct sp_rule {
	/*
	 * Low 4 bits enum sp_cfa. High 4 bits: the DWARF register of SP_CFA_REGISTER; of SP_CFA_DEREF_* the words of 8
	 * bytes to add to what was read; else zero.
	 */
	__u8 cfa;
	__u8 saved; /* low 2 bits enum sp_fp, next 2 bits enum sp_ra, high 4 bits zero */
	__s16 fp_offset;
	__s32 cfa_offset;
};
SP_ASSERT(sizeof(struct sp_rule) == 8);
#define SP_MAX_RULES 32768
#define SP_MAX_RULES_PER_EXECUTABLE 4096
#define SP_RULE_NONE 0 /* rule number 0 is SP_CFA_NONE, number 1 is SP_CFA_ASK; neither is ever freed */
#define SP_RULE_ASK 1
#define SP_RULE_CFA(rule) ((rule)->cfa & 15)
#define SP_RULE_REGISTER(rule) ((rule)->cfa >> 4)
#define SP_RULE_WORDS(rule) ((rule)->cfa >> 4)
#define SP_RULE_FP(rule) ((rule)->saved & 3)
#define SP_RULE_RA(rule) (((rule)->saved >> 2) & 3)
#define SP_RULE_SAVED(fp, ra) ((__u8)((fp) | ((ra) << 2)))

/* ---- Processes ------------------------------------------------------------------------------------------------- */

/* One executable mapping. A list of them, sorted by start, follows a block's generation and one pad word. */
struct sp_mapping {
	__u64 start;   /* address in the process, a multiple of 4096 */
	__u64 bias;    /* address in the process - address in the ELF file, modulo 2^64 */
	__u32 n_pages; /* length in pages of 4096 bytes */
	__u32 table;   /* SP_TABLE(index, generation); 0: no unwind table; SP_TABLE_PENDING: not yet */
};
SP_ASSERT(sizeof(struct sp_mapping) == 24);
#define SP_TABLE_PENDING 0xffffffffu /* do not guess by frame pointers what will soon be known */
#define SP_LIST_HEADER_WORDS 2
#define SP_MAX_MAPPINGS 8192
#define SP_MAPPING_SEARCH_STEPS 14

/* Value of `procs`, by tgid. BPF copies it at fork and deletes it at exec and exit; user space writes the rest. */
struct sp_proc {
	__u32 list;	   /* reference of the mapping list; 0: none */
	__u32 n_mappings;  /* at most SP_MAX_MAPPINGS */
	__u32 generation;  /* of the list's block */
	__u32 flags;	   /* SP_PROC_* */
	__u32 runtimes[4]; /* SP_RUNTIME_REF(number, generation) of its interpreters; 0: no more */
};
SP_ASSERT(sizeof(struct sp_proc) == 32);
#define SP_PROC_DENIED 1u /* never look: no user frames, no stack copy */

/* ---- Interpreters ----------------------------------------------------------------------------------------------- */

enum sp_runtime_kind {
#define SP_RUNTIME(number, name, type) SP_RUNTIME_##name = number,
#include "runtimes.def"
#undef SP_RUNTIME
};

/* Where programs are: x86-64 with five levels of page tables has more, which no program gets that does not ask for it. */
#define SP_MAX_USER_ADDRESS ((1ull << 48) - 1)

/* Code of an interpreter's main loop: a native frame with its program counter here stands for frames of a script. */
struct sp_code_range {
	__u64 start; /* address in the process */
	__u64 length;
};
SP_ASSERT(sizeof(struct sp_code_range) == 16);
#define SP_MAX_CODE_RANGES 4 /* a compiler splits a function in two; three interpreters' loops in one process */

/* How a thread's own variable is reached ("ELF Handling for Thread-Local Storage", Drepper, 2013). */
enum sp_tls_access {
	SP_TLS_NONE = 0,
	SP_TLS_OFFSET = 1,     /* at thread pointer + value: local exec */
	SP_TLS_GOT_OFFSET = 2, /* that offset is the word at address value: initial exec */
	SP_TLS_GOT_PAIR = 3,   /* SP_TLS_SLOT: module and offset are the two words at `address`: general dynamic; and
				  `distance` more: local dynamic, whose second word is 0 */
};
#define SP_TLS_SLOT(address, distance) ((address) | (__u64)(distance) << 48)
#define SP_TLS_SLOT_ADDRESS(value) ((value)&SP_MAX_USER_ADDRESS)
#define SP_TLS_SLOT_DISTANCE(value) ((value) >> 48)

/* How the C library keeps what pthread_setspecific() was given. */
enum sp_storage {
	SP_STORAGE_NONE = 0,
	SP_STORAGE_BLOCKS = 1, /* glibc: pointers to blocks of 32 pairs {sequence, value} at thread pointer + offset */
	SP_STORAGE_ARRAY = 2,  /* musl: a pointer to an array of values at thread pointer + offset */
};

/* Value of `runtimes`, by number: one interpreter in one process, and those forked from it. Number 0 is never used. */
struct sp_runtime {
	__u32 generation; /* 0: none; else what the reference repeats */
	__u8 kind;	  /* enum sp_runtime_kind */
	__u8 n_ranges;
	__u8 tls_access; /* enum sp_tls_access */
	__u8 storage;	 /* enum sp_storage */
	struct sp_code_range ranges[SP_MAX_CODE_RANGES];
	__u64 tls_value;
	__s64 storage_offset; /* bytes */
	__u64 fields[32];     /* named by the interpreter's list */
};
SP_ASSERT(sizeof(struct sp_runtime) == 344);
#define SP_MAX_RUNTIME_FIELDS 32
#define SP_MAX_RUNTIMES 4096
#define SP_MAX_PROCESS_RUNTIMES 4
#define SP_RUNTIME_INDEX_BITS 12
#define SP_RUNTIME_REF(index, generation) ((__u32)(index) | ((__u32)(generation) << SP_RUNTIME_INDEX_BITS))
#define SP_RUNTIME_REF_INDEX(ref) ((ref) & (SP_MAX_RUNTIMES - 1))
#define SP_RUNTIME_REF_GENERATION(ref) ((ref) >> SP_RUNTIME_INDEX_BITS) /* the generation's low 20 bits, never 0 */
#define SP_RUNTIME_GENERATION_MASK 0xfffff

/* Keys of the deny-list. */
struct sp_deny_exe {
	__u64 inode;
	__u64 device; /* the kernel's encoding: major << 20 | minor */
};
SP_ASSERT(sizeof(struct sp_deny_exe) == 16);
#define SP_MAX_DENY 256 /* entries of each kind */

/* ---- Frames ---------------------------------------------------------------------------------------------------- */

/*
 * A frame is a header and the words that its kind says. In BPF it is kept in *cells* of header and one word; a frame
 * of several words takes further cells of kind SP_FRAME_MORE. On the shared ring the cells of one frame become one
 * header followed by all of its words.
 */
enum sp_frame_kind {
	SP_FRAME_MORE = 0,   /* a further cell of the frame before; never on the shared ring */
	SP_FRAME_NATIVE = 1, /* one word: the program counter */
	SP_FRAME_KERNEL = 2,
	SP_FRAME_ABORT = 3, /* one word: enum sp_abort; the frames that should stand here are not known */
	SP_FRAME_PYTHON = 4,
	SP_FRAME_HOTSPOT = 5,
	SP_FRAME_V8 = 6,
	SP_FRAME_RUBY = 7,
	SP_FRAME_PERL = 8,
	SP_FRAME_PHP = 9,
	SP_FRAME_DOTNET = 10,
	SP_FRAME_BEAM = 11,
	SP_FRAME_GO = 12,
	SP_FRAME_LUAJIT = 13,
};

enum sp_frame_flags {
	SP_FRAME_RETURN_ADDRESS = 1, /* the word is where a call returns to; clear: the very instruction */
	SP_FRAME_SIGNAL = 2,	     /* the kernel's signal trampoline */
	SP_FRAME_ERROR = 4,	     /* could not be read whole */
	SP_FRAME_POINTER = 8,	     /* found by frame pointer, not by a row */
	SP_FRAME_LOOP = 16,	     /* native: an interpreter's main loop; the frames before it are what it runs */
	SP_FRAME_ENTRY = 32,	     /* of an interpreter: the innermost of those that one run of the loop stands for */
	SP_FRAME_OWN_RUN = 64, /* native, a loop: the run before it has something in this very frame of the stack */
			       /* The high byte is the kind's own. */
};

/* What an abort marker says. Further reasons are the counters' numbers of bpf/counters.def. */
enum sp_abort {
	SP_ABORT_GAP = 0x10000, /* frames between the leaf-most and the outermost were left out; the header's low half
				   is their number */
};

#define SP_FRAME_HEADER(kind, n_words, flags, extra)                                                                   \
	(((__u64)(kind) << 56) | ((__u64)(n_words) << 48) | ((__u64)(flags) << 32) | (__u32)(extra))
#define SP_FRAME_KIND(header) ((__u8)((header) >> 56))
#define SP_FRAME_WORDS(header) ((__u8)((header) >> 48))
#define SP_FRAME_FLAGS(header) ((__u16)((header) >> 32))
#define SP_FRAME_EXTRA(header) ((__u32)(header))

struct sp_cell {
	__u64 header;
	__u64 word;
};
SP_ASSERT(sizeof(struct sp_cell) == 16);

/*
 * The leaf-most cells stay where they are; later ones go round a ring, so that a deep stack keeps both of its sides.
 * n_cells counts all that were pushed. A recursion of 900 Python functions takes 3,600 of them: each call has three
 * frames of C besides its own up to CPython 3.10.
 */
#define SP_LEAF_CELLS 3072
#define SP_ROOT_CELLS 1024
#define SP_MAX_CELLS (SP_LEAF_CELLS + SP_ROOT_CELLS)
#define SP_MAX_KERNEL_FRAMES 127 /* perf_event_max_stack's default; bpf_get_stack gives no more */
#define SP_MAX_STACK_BYTES 32768
#define SP_RING_WAKE_BYTES (512 * 1024) /* of records waiting before BPF wakes user space, which polls besides */

/*
 * Names of an interpreter's functions are read from its process, and only while that lives; some functions are gone
 * before that (the body of a class or a module). So the first sample of a function wakes user space: one whose check
 * word is not in this table, where each word has one place. A wake-up costs some 20 us in each of the two processes: at
 * most 128 a second and CPU.
 */
#define SP_MET_FUNCTIONS 16384
struct sp_met {
	__u32 checks[SP_MET_FUNCTIONS];
};
#define SP_WAKE_TOKEN_NS (1000000000ull / 128)
#define SP_WAKE_BURST 128

/* ---- Records of the BPF ring ----------------------------------------------------------------------------------- */

enum sp_record_kind {
	SP_RECORD_SAMPLE = 1,
	SP_RECORD_EXEC = 2,
};

enum sp_sample_kind {
	SP_SAMPLE_ON_CPU = 0,  /* value: 1 */
	SP_SAMPLE_OFF_CPU = 1, /* value: nanoseconds off the CPU */
	SP_SAMPLE_PROBE = 2,
};

enum sp_sample_flags {
	SP_SAMPLE_KERNEL_THREAD = 1, /* has no user stack */
	SP_SAMPLE_DENIED = 2,	     /* the deny-list forbids to look */
	SP_SAMPLE_IN_KERNEL = 4,     /* the interrupt came in kernel mode */
};

/* General-purpose registers in the order of DWARF: 0..15 of x86-64 and rip as 16; x0..x30, sp as 31, pc as 32. */
#define SP_MAX_REGISTERS 33
#if defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
#define SP_N_REGISTERS 33
#define SP_REGISTER_FP 29
#define SP_REGISTER_SP 31
#define SP_REGISTER_PC 32
#else
#define SP_N_REGISTERS 17
#define SP_REGISTER_FP 6
#define SP_REGISTER_SP 7
#define SP_REGISTER_PC 16
#endif

/*
 * Stack copies: a sample whose walk ended because a table was not there (yet) takes the leaf's registers and the user
 * stack along: 6 to 18 KiB and some 7 us (measured with processes of 5 ms, and among compilers). Two buckets bound them.
 * Per CPU 128 a second: every sample at up to 128 Hz where no process lives for long enough to get tables, and still
 * only a thousandth of the CPU and 4 MiB a second where each of them is full. The burst is what a new busy process needs
 * at 1,000 Hz until its tables are there (24 to 49 samples at 499 Hz). Per process the same burst, so that its threads
 * share it, and 16 a second afterwards: it is filtered out, or the processor has no tables for it.
 */
#define SP_COPY_CPU_TOKEN_NS (1000000000ull / 128)
#define SP_COPY_CPU_BURST 128
#define SP_COPY_PROCESS_TOKEN_NS (1000000000ull / 16)
#define SP_COPY_PROCESS_BURST 128
/* Buckets of processes, found by the low bits of the pid: two that share one begin afresh in turns, which is harmless. */
#define SP_COPY_BUCKETS 4096

struct sp_copy_bucket {
	__u64 full_at_ns; /* see bpf/bucket.h */
	__u32 pid;
	__u32 pad;
};
SP_ASSERT(sizeof(struct sp_copy_bucket) == 16);

/* A sample: this header, then cells, kernel addresses, registers and stack bytes, one after another, 8-byte aligned. */
struct sp_sample {
	__u32 kind;	     /* SP_RECORD_SAMPLE */
	__u32 size;	     /* of the whole record, in bytes */
	__u64 time_ns;	     /* CLOCK_MONOTONIC, when the walk began */
	__u64 walk_ns;	     /* how long the walk took */
	__u64 start_time_ns; /* of the process, CLOCK_BOOTTIME */
	__u64 cgroup_id;     /* of the unified hierarchy; 0: unknown */
	__u64 value;	     /* see enum sp_sample_kind */
	__u64 stack_address; /* of the first stack byte */
	__u32 pid;	     /* thread group id, in the host's namespace */
	__u32 tid;
	__u32 cpu;
	__u16 sample_kind;
	__u16 flags;
	__u16 end;	   /* why the user walk ended: a number of bpf/counters.def */
	__u16 n_kernel;	   /* kernel addresses that follow */
	__u32 n_cells;	   /* cells that were pushed; min(n_cells, SP_MAX_CELLS) of them follow */
	__u32 stack_bytes; /* stack bytes that follow */
	__u32 n_registers; /* registers that follow, in DWARF's order; 0 or SP_N_REGISTERS of the CPU */
	char comm[16];	   /* of the thread, as the kernel has it: not terminated when all 16 are used */
};
SP_ASSERT(sizeof(struct sp_sample) == 104);

/* What user space may change while programs run. Value of `settings`, key 0. */
struct sp_settings {
	__u32 wake_at_exec; /* not 0: somebody wants the executable, and the program may be gone in a few milliseconds */
	__u32 pad;
};
SP_ASSERT(sizeof(struct sp_settings) == 8);

/* A process has begun another program: opens that shall find it must be quick. */
struct sp_exec {
	__u32 kind; /* SP_RECORD_EXEC */
	__u32 size;
	__u64 time_ns;
	__u64 start_time_ns;
	__u32 pid;
	__u32 flags;  /* SP_SAMPLE_DENIED */
	__u64 inode;  /* of the executable; of the interpreter for a script */
	__u64 device; /* the kernel's encoding, as in struct sp_deny_exe */
};
SP_ASSERT(sizeof(struct sp_exec) == 48);

/* ---- Counters -------------------------------------------------------------------------------------------------- */

/* Numbers are part of the contract: they are why a walk ended. New ones are added at the end. */
enum sp_count {
#define SP_COUNTER(number, name, text) SP_COUNT_##name = number,
#include "counters.def"
#undef SP_COUNTER
	SP_COUNT_MAX = 64,
};

#ifdef __cplusplus
}
#endif

#endif
