//! Executes a script file made by `wast --keep-scripts`, which the emulator has put into memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("{}", wamr_firmware::ELSEWHERE);
}

#[cfg(target_os = "none")]
mod bare {
    use wamr_firmware::code_memory::HeapCode;
    use wamr_firmware::{board, println};
    use wamr_runtime_min::{Module, StoreConfig};
    use wamr_tests::wast::{execute, script::Script};

    /// No script is longer; the memory behind a script is all zero.
    const LONGEST: usize = 64 << 20;

    fn main() -> u8 {
        // SAFETY: nothing else uses this memory; the board has it.
        let bytes = unsafe { core::slice::from_raw_parts(board::SCRIPT, LONGEST) };
        let script = match Script::decode_start(bytes) {
            Ok(script) => script,
            Err(error) => {
                println!("{error}");
                return 2;
            }
        };
        let load = |object: &[u8]| Module::load_in(object, HeapCode::new());
        let result = execute::run(&script, StoreConfig::default(), &load, true, |line| {
            println!("{line}");
            Ok(())
        });
        match result {
            Ok(counts) => (counts.failed != 0).into(),
            Err(error) => {
                println!("{error}");
                2
            }
        }
    }

    wamr_firmware::firmware!(usize::MAX, main);
}
