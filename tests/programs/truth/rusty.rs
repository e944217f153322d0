// SPDX-License-Identifier: Apache-2.0
//
// rusty SECONDS: Rust's closures, trait objects, iterators, a panic that is caught, and a second thread.
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

#[inline(never)]
fn rust_work(mut value: u64) -> u64 {
    for i in 0..2000u64 {
        value = (value ^ (value >> 29)).wrapping_mul(0xff51afd7ed558ccd).wrapping_add(i);
    }
    black_box(value)
}

trait Step {
    fn step(&self, value: u64) -> u64;
}
struct Leaf;
struct Nested(Box<dyn Step>);
impl Step for Leaf {
    #[inline(never)]
    fn step(&self, value: u64) -> u64 {
        rust_work(value) + 1
    }
}
impl Step for Nested {
    #[inline(never)]
    fn step(&self, value: u64) -> u64 {
        black_box(self.0.step(value)) + 1
    }
}

#[inline(never)]
fn in_closures(value: u64) -> u64 {
    let mut call: Box<dyn Fn(u64) -> u64> = Box::new(rust_work);
    for i in 0..6 {
        let inner = call;
        call = Box::new(move |given| black_box(inner(given)) + i);
    }
    black_box(call(value))
}

#[inline(never)]
fn in_iterators(value: u64) -> u64 {
    let mut map = HashMap::new();
    for i in 0..32u64 {
        map.insert(i, format!("{}", value.wrapping_add(i)));
    }
    let mut sums: Vec<u64> = map.values().map(|text| text.bytes().map(u64::from).sum()).collect();
    sums.sort_by_key(|sum| rust_work(*sum));
    black_box(sums[0])
}

#[inline(never)]
fn in_a_panic(value: u64) -> u64 {
    let caught = std::panic::catch_unwind(|| {
        if rust_work(value) != 0 {
            panic!("on purpose");
        }
    });
    black_box(caught.is_err() as u64)
}

fn everything(end: Instant) -> u64 {
    let mut shape: Box<dyn Step> = Box::new(Leaf);
    for _ in 0..8 {
        shape = Box::new(Nested(shape));
    }
    let mut value = 1u64;
    while Instant::now() < end {
        value = value.wrapping_add(shape.step(value));
        value = value.wrapping_add(in_closures(value));
        value = value.wrapping_add(in_iterators(value));
        value = value.wrapping_add(in_a_panic(value));
    }
    value
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let seconds: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let other = std::thread::spawn(move || everything(end));
    black_box(everything(end));
    black_box(other.join().unwrap());
}
