//! Loads the objects that it carries, and runs the checks on each.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("{}", wamr_firmware::ELSEWHERE);
}

#[cfg(target_os = "none")]
mod bare {
    use wamr_firmware::code_memory::HeapCode;
    use wamr_firmware::{board, checks, println};
    use wamr_runtime_min::Module;

    macro_rules! objects {
        ($($name:ident = $path:literal;)*) => {
            const OBJECTS: &[(&str, &[u8])] = &[$((stringify!($name), include_bytes!($path))),*];
        };
    }
    include!(concat!(env!("OUT_DIR"), "/objects.rs"));

    fn main() -> u8 {
        for (name, object) in OBJECTS {
            println!("{name}, loaded");
            match Module::load_in(object, HeapCode::new()) {
                Ok(module) => checks::run(&module),
                Err(error) => panic!("{error}"),
            }
            checks::refused(object, |object| Module::load_in(object, HeapCode::new()));
        }
        println!("heap {}", board::heap_peak());
        // Without objects nothing was checked.
        OBJECTS.is_empty().into()
    }

    wamr_firmware::firmware!(1 << 20, main);
}
