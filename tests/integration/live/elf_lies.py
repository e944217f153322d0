# SPDX-License-Identifier: Apache-2.0
"""Changes what an executable (64 bit, little-endian) says of itself so that it still runs: addresses of exported symbols,
and how far the description of a function's frame reaches. For hostile files made of sound ones."""

import struct


class Elf:
    def __init__(self, data):
        self.bytes = bytearray(data)
        sections, size, count, names = struct.unpack_from("<Q10xHHH", self.bytes, 40)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, sections + i * size) for i in range(count)]
        self.sections = {self._text(headers[names][4] + header[0]): header for header in headers}

    def _text(self, at):
        return self.bytes[at:self.bytes.index(0, at)].decode()

    def _symbols(self, name):
        """Where the entries of that name are, in both tables."""
        for table, strings in ((".dynsym", ".dynstr"), (".symtab", ".strtab")):
            if table in self.sections:
                start, size = self.sections[table][4:6]
                for at in range(start, start + size, 24):
                    if self._text(self.sections[strings][4] + struct.unpack_from("<I", self.bytes, at)[0]) == name:
                        yield at

    def move_symbol(self, name, address):
        places = list(self._symbols(name))
        assert places, name
        for at in places:
            struct.pack_into("<Q", self.bytes, at + 8, address)

    def widen_fde(self, name):
        """The function's FDE, whose addresses are relative and of 4 bytes as compilers make them, describes all of .text."""
        function = struct.unpack_from("<Q", self.bytes, next(self._symbols(name)) + 8)[0]
        address, start, size = self.sections[".eh_frame"][3:6]
        text, text_size = self.sections[".text"][3], self.sections[".text"][5]
        at = start
        while at < start + size:
            length, cie = struct.unpack_from("<II", self.bytes, at)
            place = address + at + 8 - start
            if length and cie and place + struct.unpack_from("<i", self.bytes, at + 8)[0] == function:
                struct.pack_into("<iI", self.bytes, at + 8, text - place, text_size)
                return
            at += 4 + length
        raise AssertionError(f"no FDE begins at {name}")
