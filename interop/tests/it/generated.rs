//! The code that was generated from our `.proto` files is checked in, since no build needs a compiler for them then.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folder of the crate, and where in it the generated code is.
fn crate_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/aims-workload-api")
}

/// `AIMS_GENERATE=1 cargo test generated` writes it anew.
#[test]
fn generated_code_is_that_of_the_proto_files() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&out).unwrap();
    let files = protox::compile(["workload.proto", "key_holder.proto"], [crate_dir().join("proto")]).unwrap();
    let mut prost = tonic_prost_build::Config::new();
    // What they hold is secret: they have a `Debug` of their own.
    prost.skip_debug(SECRET);
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::proto::codec::CountingCodec")
        .emit_rerun_if_changed(false)
        .out_dir(&out)
        .compile_fds_with_config(files, prost)
        .unwrap();
    for (made, checked_in) in [("_.rs", "workload.rs"), ("aims.workload.v1.rs", "key_holder.rs")] {
        let made = fs::read_to_string(out.join(made)).unwrap();
        let path = crate_dir().join("src/proto/generated").join(checked_in);
        if env::var_os("AIMS_GENERATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), made, "{checked_in} is outdated");
    }
}

/// What the server answers whoever asks it about its services: the same files, without where things stand in them.
#[test]
fn descriptors_are_those_of_the_proto_files() {
    for name in ["workload", "key_holder"] {
        let mut compiler = protox::Compiler::new([crate_dir().join("proto")]).unwrap();
        compiler.include_imports(true).include_source_info(false);
        let made = compiler.open_file(format!("{name}.proto")).unwrap().encode_file_descriptor_set();
        let path = crate_dir().join(format!("src/proto/generated/{name}.bin"));
        if env::var_os("AIMS_GENERATE").is_some() {
            fs::write(&path, &made).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), made, "{name}.bin is outdated");
    }
}

const SECRET: [&str; 8] = [
    "X509SVID",
    "JWTSVID",
    "WITSVID",
    "ValidateJWTSVIDRequest",
    "aims.workload.v1.IssueRequest",
    "aims.workload.v1.IssueRequest.proof",
    "aims.workload.v1.IssueResponse",
    "aims.workload.v1.Evidence",
];
