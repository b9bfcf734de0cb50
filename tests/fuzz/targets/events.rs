#![no_main]

use policylayer_fuzz::laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::events::holds(data));
