//! Is linked with the objects, and runs the checks on each.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("{}", wamr_firmware::ELSEWHERE);
}

#[cfg(target_os = "none")]
mod bare {
    use wamr_firmware::{board, checks, println};
    use wamr_runtime_min::{LinkedObject, Module};

    macro_rules! objects {
        ($($name:ident = $path:literal;)*) => {
            unsafe extern "C" {
                $(static $name: LinkedObject;)*
            }

            fn objects() -> impl Iterator<Item = (&'static str, &'static LinkedObject)> {
                // SAFETY: the linker was given the objects that define these.
                [$((stringify!($name), unsafe { &$name })),*].into_iter()
            }
        };
    }
    include!(concat!(env!("OUT_DIR"), "/objects.rs"));

    fn main() -> u8 {
        let mut none = true;
        for (name, object) in objects() {
            println!("{name}, linked");
            // SAFETY: the compiler wrote it, and the linker relocated it.
            match unsafe { Module::linked(object) } {
                Ok(module) => checks::run(&module),
                Err(error) => panic!("{error}"),
            }
            none = false;
        }
        println!("heap {}", board::heap_peak());
        // Without objects nothing was checked.
        none.into()
    }

    wamr_firmware::firmware!(1 << 20, main);
}
