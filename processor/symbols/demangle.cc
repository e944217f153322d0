// SPDX-License-Identifier: Apache-2.0
//
// libiberty demangles; this file bounds it. Both manglings can name earlier parts of themselves (C++ substitutions,
// Rust back references), so n bytes can stand for 2^n bytes of output. Four things hold that:
//
//  - Output arrives through a callback, which leaves by longjmp once there is too much. Between setjmp and longjmp lie
//    only C frames of libiberty. Its C++ printer allocates nothing that would be lost; its Rust printer holds memory
//    only while it prints a punycode identifier, so names that may have one are kept small in another way.
//  - Looking for a parameter pack walks the tree of a C++ name as if nothing in it were shared, and prints nothing
//    meanwhile. Therefore that size of the tree is computed first, each shared part once.
//  - D's demangler returns memory and cannot be left. How much it may do is bounded before it is called.
//  - A conversion operator's type is parsed a second time when the first attempt fails, and so is all that lies in it.
//    Therefore only a few of them may be in one name.
#include "processor/symbols/demangle.h"

// libiberty.h declares basename() in a way that contradicts glibc's, unless it is told that there is one.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unordered_map>

namespace splitprof {
namespace {

// Collects output. Trivially destructible, as longjmp asks.
struct Sink {
  std::array<char, kMaxDemangledBytes> text;
  size_t size = 0;
  bool may_jump = true;
  bool overflowed = false;
  std::jmp_buf full;
};

void collect(const char* text, size_t size, void* opaque) {
  if (size == 0) return;  // an empty identifier of Rust comes as a null pointer
  auto& sink = *static_cast<Sink*>(opaque);
  if (size > sink.text.size() - sink.size) {
    sink.overflowed = true;
    if (sink.may_jump) std::longjmp(sink.full, 1);
    return;
  }
  std::memcpy(sink.text.data() + sink.size, text, size);
  sink.size += size;
}

// ---- C++ -------------------------------------------------------------------------------------------------------

// Nodes that a walk visits when it does not know what is shared. Ordinary long names have a few thousand.
constexpr uint64_t kMaxTreeSize = 100'000;

class TreeSize {
 public:
  // Past kMaxTreeSize the number means only "too large".
  uint64_t of(const demangle_component* node) {
    if (!node) return 0;
    // A node that is met again before it is finished contains itself.
    const auto [known, added] = sizes_.try_emplace(node, kTooLarge);
    if (!added) return known->second;
    const uint64_t size = std::min(kTooLarge, 1 + of_children(*node));
    sizes_[node] = size;
    return size;
  }

 private:
  static constexpr uint64_t kTooLarge = kMaxTreeSize + 1;

  uint64_t of_children(const demangle_component& node) {
    switch (node.type) {
      case DEMANGLE_COMPONENT_NAME:
      case DEMANGLE_COMPONENT_TEMPLATE_PARAM:
      case DEMANGLE_COMPONENT_FUNCTION_PARAM:
      case DEMANGLE_COMPONENT_SUB_STD:
      case DEMANGLE_COMPONENT_BUILTIN_TYPE:
      case DEMANGLE_COMPONENT_OPERATOR:
      case DEMANGLE_COMPONENT_CHARACTER:
      case DEMANGLE_COMPONENT_NUMBER:
      case DEMANGLE_COMPONENT_UNNAMED_TYPE:
        return 0;
      case DEMANGLE_COMPONENT_EXTENDED_BUILTIN_TYPE:
        return kTooLarge;  // libiberty 2.40 takes its fields for subtrees when it looks for a pack: do not print
      case DEMANGLE_COMPONENT_LAMBDA:
      case DEMANGLE_COMPONENT_DEFAULT_ARG:
        return of(node.u.s_unary_num.sub);
      case DEMANGLE_COMPONENT_FIXED_TYPE:
        return of(node.u.s_fixed.length);
      case DEMANGLE_COMPONENT_EXTENDED_OPERATOR:
        return of(node.u.s_extended_operator.name);
      case DEMANGLE_COMPONENT_CTOR:
        return of(node.u.s_ctor.name);
      case DEMANGLE_COMPONENT_DTOR:
        return of(node.u.s_dtor.name);
      default:
        return of(node.u.s_binary.left) + of(node.u.s_binary.right);
    }
  }

  std::unordered_map<const demangle_component*, uint64_t> sizes_;
};

// Conversion operators, or rather more: `cv` that is not the beginning of an identifier (2cv, as OpenCV has it) may
// still be in the middle of one.
size_t count_conversions(std::string_view name) {
  size_t count = 0;
  for (size_t at = name.find("cv"); at != name.npos; at = name.find("cv", at + 2))
    count += at > 0 && !(name[at - 1] >= '0' && name[at - 1] <= '9');
  return count;
}
constexpr size_t kMaxConversions = 10;  // 2^10 attempts of a few us

bool print_cxx(demangle_component* tree, Sink& sink) {
  if (setjmp(sink.full) != 0) return false;
  return cplus_demangle_print_callback(DMGL_NO_OPTS, tree, collect, &sink) != 0;
}

bool demangle_cxx(const char* name, Sink& sink) {
  if (count_conversions(name) > kMaxConversions) return false;
  void* memory = nullptr;
  demangle_component* tree = cplus_demangle_v3_components(name, DMGL_NO_OPTS, &memory);
  const std::unique_ptr<void, decltype(&std::free)> owner(memory, std::free);
  if (!tree || TreeSize().of(tree) > kMaxTreeSize) return false;
  return print_cxx(tree, sink);
}

// ---- Rust ------------------------------------------------------------------------------------------------------

// A v0 identifier of punycode is `u`, the number of its bytes, and the bytes. Says yes rather too often: a name inside
// an identifier may look like that as well (as_u8).
bool may_hold_punycode(std::string_view name) {
  for (size_t u = name.find('u'); u != name.npos; u = name.find('u', u + 1)) {
    size_t bytes = 0, at = u + 1;
    for (; at < name.size() && name[at] >= '0' && name[at] <= '9'; ++at)
      bytes = std::min<size_t>(10 * bytes + static_cast<size_t>(name[at] - '0'), kMaxMangledBytes);
    if (bytes > 0 && bytes <= name.size() - at) return true;
  }
  return false;
}

bool demangle_rust(const char* name, std::string_view text, Sink& sink) {
  if (text.starts_with("_R") && may_hold_punycode(text)) {
    // Each back reference at most doubles the work: at most 2^10 * kMaxMangledBytes.
    if (std::ranges::count(text, 'B') > 10) return false;
    sink.may_jump = false;
  }
  if (setjmp(sink.full) != 0) return false;
  return rust_demangle_callback(name, DMGL_NO_OPTS, collect, &sink) != 0 && !sink.overflowed;
}

// ---- D ---------------------------------------------------------------------------------------------------------

constexpr uint64_t kMaxDWork = 4u << 20;  // steps of some 10 ns

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// How many bytes a D name stands for when every back reference (`Q` and a number, to the base of 26, of bytes to go
// back; "Name Mangling", D's ABI) is replaced by all that lies between. At least as many as are really printed.
uint64_t expanded_d_bytes(std::string_view name) {
  std::array<uint64_t, kMaxMangledBytes + 1> before{};  // cost of everything before each byte
  for (size_t i = 0; i < name.size(); ++i) {
    uint64_t cost = 1;
    if (name[i] == 'Q') {
      size_t back = 0, at = i + 1;
      for (; at < name.size() && name[at] >= 'A' && name[at] <= 'Z' && back < name.size(); ++at)
        back = back * 26 + static_cast<size_t>(name[at] - 'A');
      if (at < name.size() && name[at] >= 'a' && name[at] <= 'z')
        back = back * 26 + static_cast<size_t>(name[at] - 'a');
      if (back > 0 && back <= i) cost += before[i] - before[i - back];
    }
    before[i + 1] = std::min(before[i] + cost, kMaxDWork);
  }
  return before[name.size()];
}

// How often libiberty's parser may parse something twice, in the worst case one inside the other: when an identifier is
// followed by what may be a function's type, and once for each digit of a symbol parameter's length.
unsigned d_retries(std::string_view name) {
  unsigned retries = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (!is_digit(name[i]) || (i > 0 && is_digit(name[i - 1]))) continue;
    const bool symbol_parameter = i > 0 && name[i - 1] == 'S';
    size_t length = 0;
    for (; i < name.size() && is_digit(name[i]); ++i) {
      length = std::min<size_t>(length * 10 + static_cast<size_t>(name[i] - '0'), kMaxMangledBytes);
      retries += symbol_parameter;
    }
    const size_t behind = i + length;
    retries += behind < name.size() && std::string_view("MFUWVRY").find(name[behind]) != std::string_view::npos;
    --i;  // digits end at i
  }
  return retries;
}

// Without the parameters of the last function: they are in parentheses that no `!` makes a template's.
std::string_view without_d_parameters(std::string_view text) {
  size_t depth = 0, begin = text.npos;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && depth == 0) begin = text.npos;
    if (text[i] == '(' && depth++ == 0 && i > 0 && text[i - 1] != '!') begin = i;
    if (text[i] == ')' && depth > 0) --depth;
  }
  return text.substr(0, begin);
}

std::optional<std::string> demangle_d(const char* name, std::string_view text) {
  const unsigned retries = d_retries(text);
  if (retries > 20 || expanded_d_bytes(text) << retries > kMaxDWork) return std::nullopt;
  const std::unique_ptr<char, decltype(&std::free)> made(dlang_demangle(name, DMGL_NO_OPTS), std::free);
  if (!made) return std::nullopt;
  const std::string_view readable = without_d_parameters(made.get());
  if (readable.empty() || readable.size() > kMaxDemangledBytes) return std::nullopt;
  return std::string(readable);
}

}  // namespace

std::optional<std::string> demangle(std::string_view name) {
  const bool cxx = name.starts_with("_Z");
  if (!may_be_mangled(name) || name.size() > kMaxMangledBytes) return std::nullopt;
  std::array<char, kMaxMangledBytes + 1> terminated;
  if (name.find('\0') != name.npos) return std::nullopt;
  *std::ranges::copy(name, terminated.begin()).out = '\0';

  if (name.starts_with("_D")) return demangle_d(terminated.data(), name);
  Sink sink;
  // Rust's legacy names look like C++ names that end with a hash; libiberty tells them apart by it.
  if (!demangle_rust(terminated.data(), name, sink)) {
    sink.size = 0;
    sink.overflowed = false;
    sink.may_jump = true;
    if (!cxx || !demangle_cxx(terminated.data(), sink)) return std::nullopt;
  }
  return std::string(sink.text.data(), sink.size);
}

}  // namespace splitprof
