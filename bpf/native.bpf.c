/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Native frames, from the unwind rows that user space made of .eh_frame. One step records the frame that the walk is
 * in and goes to its caller; an interpreter's loop has it hand over to that one first. Without a row it follows the
 * frame pointer. No helper is called but those of env.bpf.h,
 * so the same source walks recorded memory on the host.
 */
#include "interpreter.bpf.h"

/*
 * Finds the last mapping that starts at or below pc, by halving without a branch: `low` is always a mapping that
 * starts at or below pc (or the first one), `length` how many are still in question.
 */
static __always_inline int sp_find_mapping(struct sp_walk *walk)
{
	struct sp_chunk *chunk = sp_find_chunk(SP_REF_SLOT(walk->list));
	__u32 base = SP_REF_WORD(walk->list);
	__u32 at;
	int i;

	if (!chunk || sp_word(chunk, base) != walk->list_generation)
		return sp_stop(walk, SP_COUNT_stale_list);
	base += SP_LIST_HEADER_WORDS;
	walk->low = 0;
	walk->length = walk->n_mappings & (2 * SP_MAX_MAPPINGS - 1);
	for (i = 0; i < SP_MAPPING_SEARCH_STEPS; i++) {
		__u32 half = walk->length >> 1;
		__u64 start;

		if (!half)
			break;
		start = sp_long(chunk, base + (walk->low + half) * 6);
		walk->low += half & -(__u32)(start <= walk->pc);
		walk->length -= half;
	}
	at = base + walk->low * 6;
	walk->mapping_start = sp_long(chunk, at);
	walk->mapping_bias = sp_long(chunk, at + 2);
	walk->mapping_bytes = (__u64)sp_word(chunk, at + 4) << 12;
	walk->mapping_table = sp_word(chunk, at + 5);
	if (!walk->length || walk->pc - walk->mapping_start >= walk->mapping_bytes) {
		walk->mapping_bytes = 0;
		return sp_stop(walk, SP_COUNT_no_mapping);
	}
	return 0;
}

/* The rule that holds at pc: its number, or negative after sp_stop. */
static __always_inline int sp_find_row(struct sp_walk *walk)
{
	/* A return address may lie behind the function's end, when the call was its last instruction. */
	__u64 address = walk->pc - walk->mapping_bias - !walk->exact;
	__u32 generation, rows, base, key = address & 0xffff;
	struct sp_executable *executable;
	struct sp_chunk *chunk;
	__u64 page;
	int i;

	if (!walk->mapping_table)
		return SP_RULE_NONE;
	if (walk->mapping_table == SP_TABLE_PENDING) {
		sp_stop(walk, SP_COUNT_table_pending);
		return -1;
	}
	executable = sp_find_executable(SP_TABLE_INDEX(walk->mapping_table));
	if (!executable)
		return SP_RULE_NONE;
	generation = executable->generation;
	if ((generation & SP_TABLE_GENERATION_MASK) != SP_TABLE_GENERATION(walk->mapping_table)) {
		sp_stop(walk, SP_COUNT_stale_table);
		return -1;
	}
	page = (address >> SP_ROW_PAGE_SHIFT) - executable->first_page;
	if (page >= executable->n_pages)
		return SP_RULE_NONE;
	chunk = sp_find_chunk(SP_REF_SLOT(executable->pages));
	base = SP_REF_WORD(executable->pages);
	if (!chunk || sp_word(chunk, base) != generation) {
		sp_stop(walk, SP_COUNT_stale_table);
		return -1;
	}
	base += SP_PAGE_INDEX_HEADER_WORDS + (__u32)page * 2;
	rows = sp_word(chunk, base);
	walk->low = 0;
	walk->length = sp_word(chunk, base + 1) & (2 * SP_MAX_ROWS_PER_PAGE - 1);
	if (!rows || !walk->length)
		return SP_RULE_NONE;
	chunk = sp_find_chunk(SP_REF_SLOT(rows));
	base = SP_REF_WORD(rows);
	if (!chunk || sp_word(chunk, base) != generation) {
		sp_stop(walk, SP_COUNT_stale_table);
		return -1;
	}
	base += 1;
	for (i = 0; i < SP_ROW_SEARCH_STEPS; i++) {
		__u32 half = walk->length >> 1;
		__u32 row;

		if (!half)
			break;
		row = sp_word(chunk, base + walk->low + half);
		walk->low += half & -(__u32)(SP_ROW_OFFSET(row) <= key);
		walk->length -= half;
	}
	return SP_ROW_RULE(sp_word(chunk, base + walk->low));
}

/*
 * No row: code with frame pointers, or generated code. The outermost frame has a frame pointer of 0 (psABI x86-64
 * 1.0, 3.4.1 "Initial Stack and Register State"; AAPCS64 2023Q3, 6.4.6 "The frame pointer").
 */
static __always_inline int sp_step_by_pointer(struct sp_walk *walk)
{
	__u64 *saved = walk->words;

	if (!walk->fp)
		return sp_stop(walk, SP_COUNT_complete);
	if (walk->fp < walk->sp || (walk->fp & 7) || sp_read_user(saved, 16, walk->fp))
		return sp_stop(walk, SP_COUNT_frame_pointer_end);
	walk->sp = walk->fp + 16;
	walk->fp = saved[0];
	walk->pc = saved[1];
	walk->by_pointer = 1;
	return 0;
}

/*
 * Registers that nobody saves. Code that finds its frame by one of them across a call (OpenSSL's AES-GCM, by rax) relies
 * on the callee to leave it alone, so the innermost frame still has it. psABI x86-64 1.0, figure 3.4: rax, rdx, rcx, rsi,
 * rdi, r8 to r11; AAPCS64 2023Q3, 6.1.1: x0 to x15 (of the 16 that a rule can name).
 */
#if defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
#define SP_CALLER_SAVED 0xffff
#else
#define SP_CALLER_SAVED 0x0f37
#endif

#if defined(__x86_64__) || defined(__TARGET_ARCH_x86)

/*
 * The kernel's signal frame: at the trampoline sp points to struct ucontext, whose general registers begin at byte 40
 * in the order of REG_R8 … REG_RIP (arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext_64).
 */
static __always_inline int sp_step_signal(struct sp_walk *walk)
{
	__u64 *saved = walk->words;
	__u64 *registers = walk->registers;

	if (sp_read_user(saved, sizeof(walk->words), walk->sp + 40))
		return sp_stop(walk, SP_COUNT_stack_unreadable);
	registers[0] = saved[13]; /* rax */
	registers[1] = saved[12]; /* rdx */
	registers[2] = saved[14]; /* rcx */
	registers[3] = saved[11]; /* rbx */
	registers[4] = saved[9];  /* rsi */
	registers[5] = saved[8];  /* rdi */
	registers[6] = saved[10]; /* rbp */
	registers[7] = saved[15]; /* rsp */
	registers[8] = saved[0];
	registers[9] = saved[1];
	registers[10] = saved[2];
	registers[11] = saved[3];
	registers[12] = saved[4];
	registers[13] = saved[5];
	registers[14] = saved[6];
	registers[15] = saved[7];
	walk->fp = registers[6];
	walk->sp = registers[7];
	walk->pc = saved[16];
	walk->by_pointer = 0;
	walk->registers_known = 1;
	walk->exact = 1;
	return 0;
}

/*
 * A trampoline that no unwind information describes (musl, Go, and whoever brings sa_restorer along) is known by its
 * code, which has to be `mov $15, %rax; syscall`: rt_sigreturn (arch/x86/entry/syscalls/syscall_64.tbl).
 */
static __always_inline int sp_at_trampoline(struct sp_walk *walk)
{
	__u64 *code = walk->words;

	code[1] = 0;
	return !sp_read_user(code, 9, walk->pc) && code[0] == 0x0f0000000fc0c748 && code[1] == 5;
}

#else

static __always_inline int sp_at_trampoline(struct sp_walk *walk)
{
	return 0; /* the kernel's own, in the vDSO, has rows */
}

/*
 * arm64: sp points to struct rt_sigframe: siginfo (128 bytes), ucontext, whose mcontext begins at byte 176 with
 * fault_address, x0 … x30, sp, pc (arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h).
 */
static __always_inline int sp_step_signal(struct sp_walk *walk)
{
	__u64 context = walk->sp + 128 + 176;
	__u64 *registers = walk->registers;

	if (sp_read_user(registers, 33 * 8, context + 8))
		return sp_stop(walk, SP_COUNT_stack_unreadable);
	walk->fp = registers[29];
	walk->lr = registers[30];
	walk->sp = registers[31];
	walk->pc = registers[32];
	walk->by_pointer = 0;
	walk->registers_known = 1;
	walk->exact = 1;
	return 0;
}

#endif

/* Goes to the caller by `rule`. */
static __always_inline int sp_apply_rule(struct sp_walk *walk, const struct sp_rule *rule)
{
	__u64 *saved = walk->words;
	__u64 cfa, fp = walk->fp;
	__u8 saved_fp = SP_RULE_FP(rule), saved_ra = SP_RULE_RA(rule);

	switch (SP_RULE_CFA(rule)) {
	case SP_CFA_SP:
		cfa = walk->sp + rule->cfa_offset;
		break;
	case SP_CFA_FP_SWITCH:
		if (!walk->fp) /* nobody may go back: Go's runtime.mcall */
			return sp_stop(walk, SP_COUNT_complete);
		cfa = walk->fp + rule->cfa_offset;
		break;
	case SP_CFA_FP:
		cfa = walk->fp + rule->cfa_offset;
		break;
	case SP_CFA_PLT:
		/* An entry of 16 bytes pushes its number in the middle (glibc's and binutils' PLT unwind information). */
		cfa = walk->sp + rule->cfa_offset + (((walk->pc & 15) >= 11) << 3);
		break;
	case SP_CFA_DEREF_SP:
		if (sp_read_user(&cfa, 8, walk->sp + rule->cfa_offset))
			return sp_stop(walk, SP_COUNT_stack_unreadable);
		cfa += SP_RULE_WORDS(rule) * 8;
		break;
	case SP_CFA_DEREF_FP:
		if (sp_read_user(&cfa, 8, walk->fp + rule->cfa_offset))
			return sp_stop(walk, SP_COUNT_stack_unreadable);
		cfa += SP_RULE_WORDS(rule) * 8;
		break;
	case SP_CFA_REGISTER:
		if (!walk->registers_known && !(SP_CALLER_SAVED >> SP_RULE_REGISTER(rule) & 1))
			return sp_stop(walk, SP_COUNT_register_unknown);
		cfa = walk->registers[SP_RULE_REGISTER(rule)] + rule->cfa_offset;
		break;
	case SP_CFA_SIGNAL:
		return sp_step_signal(walk);
	case SP_CFA_END:
		return sp_stop(walk, SP_COUNT_complete);
	case SP_CFA_ASK:
		return sp_stop(walk, SP_COUNT_ask);
	default:
		return sp_step_by_pointer(walk);
	}

	/*
	 * Every call pushes something, so the stack grows; only where the return address is in a register it need not.
	 * From one stack to another there is no up or down: the walk's limits end what goes round.
	 */
	if (cfa <= walk->sp && !(saved_ra == SP_RA_REGISTER && cfa == walk->sp) &&
	    SP_RULE_CFA(rule) != SP_CFA_FP_SWITCH)
		return sp_stop(walk, SP_COUNT_stack_not_growing);

	if (saved_fp == SP_FP_FP_OFFSET) {
		if (sp_read_user(saved, 8, walk->fp + rule->fp_offset))
			return sp_stop(walk, SP_COUNT_stack_unreadable);
		fp = saved[0];
	}
	if (saved_ra == SP_RA_CFA_8 && saved_fp == SP_FP_CFA_OFFSET && rule->fp_offset == -16) {
		/* By far the most frequent pair: one read instead of two. */
		if (sp_read_user(saved, 16, cfa - 16))
			return sp_stop(walk, SP_COUNT_stack_unreadable);
		fp = saved[0];
		walk->pc = saved[1];
	} else if (saved_ra == SP_RA_AFTER_FP) {
		if (sp_read_user(saved, 16, cfa + rule->fp_offset))
			return sp_stop(walk, SP_COUNT_stack_unreadable);
		fp = saved[0];
		walk->pc = saved[1];
	} else {
		if (saved_fp == SP_FP_CFA_OFFSET) {
			if (sp_read_user(saved, 8, cfa + rule->fp_offset))
				return sp_stop(walk, SP_COUNT_stack_unreadable);
			fp = saved[0];
		}
		if (saved_ra == SP_RA_REGISTER) {
			if (!walk->registers_known)
				return sp_stop(walk, SP_COUNT_register_unknown);
			walk->pc = walk->lr;
		} else {
			__u64 at = saved_ra == SP_RA_CFA_8 ? cfa - 8 : cfa + rule->fp_offset;

			if (sp_read_user(saved, 8, at))
				return sp_stop(walk, SP_COUNT_stack_unreadable);
			walk->pc = saved[0];
		}
	}
	walk->fp = fp;
	walk->sp = cfa;
	walk->by_pointer = 0;
	walk->registers_known = 0;
	walk->exact = 0;
	return 0;
}

/* Before the first step: what is known of mappings and rules is that of another walk. */
static __always_inline void sp_begin_native(struct sp_walk *walk)
{
	int i;

	walk->mapping_start = 0;
	walk->mapping_bytes = 0;
	walk->by_pointer = 0;
	for (i = 0; i < SP_MEMOS; i++)
		walk->memos[i].pc = 0;
}

static __always_inline struct sp_memo *sp_memo_of(struct sp_walk *walk)
{
	return &walk->memos[(walk->pc ^ walk->pc >> 4) & (SP_MEMOS - 1)];
}

/* The number of the rule at pc, found now or earlier in this walk; negative after sp_stop. */
static __always_inline int sp_rule_at_pc(struct sp_walk *walk)
{
	struct sp_memo *memo = sp_memo_of(walk);
	int number;

	if (memo->pc == walk->pc && !walk->exact)
		return memo->rule;
	if (walk->pc - walk->mapping_start >= walk->mapping_bytes && sp_find_mapping(walk))
		return -1;
	number = sp_find_row(walk);
	if (number > SP_RULE_NONE && !walk->exact) {
		memo = sp_memo_of(walk);
		memo->pc = walk->pc;
		memo->rule = number;
	}
	return number;
}

/* One frame: record it, find its rule, go to its caller. Not 0: the walk is over. */
static __always_inline int native_step(struct sp_walk *walk)
{
	__u16 flags = (walk->exact ? 0 : SP_FRAME_RETURN_ADDRESS) | (walk->by_pointer ? SP_FRAME_POINTER : 0);
	__u64 sp = walk->sp, run_end = 0;
	struct sp_rule *rule;
	int number, result;

	if (walk->in_loop)
		flags |= SP_FRAME_LOOP;
	else if (walk->n_loops && sp_enter_loop(walk))
		return 0;
	if (walk->in_loop)
		run_end = walk->run_end;
	walk->in_loop = 0;
	sp_push(walk, SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, flags, 0), walk->pc);
	number = sp_rule_at_pc(walk);
	if (number < 0)
		return 1;
	if (number == SP_RULE_NONE && walk->mapping_table && sp_at_trampoline(walk)) {
		result = sp_step_signal(walk);
	} else if (number == SP_RULE_NONE) {
		result = sp_step_by_pointer(walk);
		walk->registers_known = 0;
		walk->exact = 0;
	} else {
		rule = sp_find_rule(number);
		if (!rule)
			return sp_stop(walk, SP_COUNT_bad_rule);
		result = sp_apply_rule(walk, rule);
	}
	if (result)
		return result;
	if (run_end && run_end - sp < walk->sp - sp)
		sp_cell_at(walk, walk->sample.n_cells - 1)->header |= (__u64)SP_FRAME_OWN_RUN << 32;
	return walk->pc ? 0 : sp_stop(walk, SP_COUNT_pc_zero);
}
