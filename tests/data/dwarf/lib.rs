// SPDX-License-Identifier: Apache-2.0
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
static mut SINK: u64 = 0;
struct Machine(u64);
impl Machine {
    #[inline(always)]
    fn innermost(&mut self, n: u64) -> u64 {
        unsafe { core::ptr::write_volatile(&raw mut SINK, n * 3) };
        self.0 += n;
        self.0
    }
    #[inline(always)]
    fn middle(&mut self, n: u64) -> u64 {
        self.innermost(n) + 1
    }
}
#[no_mangle]
pub extern "C" fn outer(n: u64) -> u64 {
    Machine(n).middle(n)
}
