#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the files of this folder: one source, as different compilers describe it. They are committed, so that tests need
# neither these compilers nor dwz. Made with g++ 12.2, clang 14.0.6, rustc 1.95.0 and dwz 0.15.
set -eu
cd "$(dirname "$0")"
rm -f ./*.so ./*.dwo ./*.debug
compile=(-O2 -fPIC -fno-asynchronous-unwind-tables -fno-stack-protector "-ffile-prefix-map=$PWD=/src")
link=(-shared -nostdlib -Wl,--build-id=none,-z,max-page-size=4096,-z,noseparate-code,-z,norelro,--hash-style=gnu)
flags=("${compile[@]}" "${link[@]}")
both=(inlines.cc use.cc)
for version in 2 3 4 5; do g++ -gdwarf-$version -gstrict-dwarf "${flags[@]}" "${both[@]}" -o gcc-dwarf$version.so; done
for version in 4 5; do clang++-14 -gdwarf-$version "${flags[@]}" "${both[@]}" -o clang-dwarf$version.so; done
g++ -gdwarf-5 -gdwarf64 "${flags[@]}" "${both[@]}" -o gcc-dwarf64.so
g++ -g -flto "${flags[@]}" "${both[@]}" -o gcc-lto.so
g++ -g -fdebug-types-section "${flags[@]}" "${both[@]}" -o gcc-type-units.so
g++ -g -gz=zlib "${flags[@]}" "${both[@]}" -o gcc-zlib.so
# `second_entry` is thrown away, and its DWARF is left behind.
g++ -g -ffunction-sections -Wl,--gc-sections,-e,entry -fvisibility=hidden "${flags[@]}" "${both[@]}" -o gcc-gc-sections.so
for version in 4 5; do
  for compiler in g++ clang++-14; do
    name=${compiler%%+*}-split$version
    name=${name/#g-/gcc-}
    for source in inlines use; do
      $compiler -gdwarf-$version -gsplit-dwarf "${compile[@]}" -c $source.cc -o $name-$source.o
    done
    $compiler "${link[@]}" $name-inlines.o $name-use.o -o $name.so
  done
done
rm -f ./*.o
# Two files, whose common part goes to a third one.
cp gcc-dwarf4.so dwz4.so
cp gcc-dwarf5.so dwz5.so
cp gcc-dwarf4.so scratch4.so
cp gcc-dwarf5.so scratch5.so
for version in 4 5; do
  dwz -m dwz$version-common.debug dwz$version.so scratch$version.so
done
rm -f scratch*.so
rustc --edition 2021 -g -O -C panic=abort -C linker-flavor=gcc -C "link-args=-nostdlib -Wl,--build-id=none" \
  --crate-type cdylib "--remap-path-prefix=$PWD=/src" lib.rs -o rust.so
chmod 644 ./*.so ./*.dwo ./*.debug
