//! The tests in `tests/` run on a real container engine, which `cargo xtask test` brings up; it
//! tells them by environment variables where the probe, `healthctl` and the images are.
