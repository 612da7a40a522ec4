//! Compiles the protos without protoc: messages, services, descriptors for reflection, and the proto's JSON mapping.

use std::{env, error::Error, fs, path::PathBuf};

use prost_build::Config;

const PROTOS: &[&str] = &[
    "proto/portcullis/v1/login.proto",
    "proto/portcullis/v1/authenticators.proto",
    "proto/portcullis/v1/users.proto",
    "proto/portcullis/v1/operators.proto",
    "proto/portcullis/v1/nodes.proto",
    "proto/portcullis/peer/v1/peer.proto",
];

/// Messages that carry a password, a hash or a key: their `Debug` is written by hand in `wire/pb.rs`.
const SECRET_MESSAGES: &[&str] = &[
    ".portcullis.v1.AuthenticateRequest",
    ".portcullis.v1.NewPassword",
    ".portcullis.v1.ImportUsersRequest",
    ".portcullis.v1.ExportUsersResponse",
    ".portcullis.v1.CreateOperatorResponse",
    ".portcullis.v1.CreateAccountRequest",
    ".portcullis.v1.UpdateAccountRequest",
    ".portcullis.v1.CreateSetupTokenResponse",
    ".portcullis.v1.InitClusterResponse",
    ".portcullis.v1.Authenticator",
    ".portcullis.peer.v1.RaftRequest",
    ".portcullis.peer.v1.SnapshotChunk",
    ".portcullis.peer.v1.ForwardRequest",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let encoded = {
        use prost::Message as _;
        descriptors.encode_to_vec()
    };
    fs::write(out.join("descriptors.bin"), &encoded)?;

    let mut config = Config::new();
    config.btree_map(["."]).bytes(["."]);
    config.extern_path(".google.protobuf", "::pbjson_types");
    config.skip_debug(SECRET_MESSAGES.iter().copied());
    // What is skipped is so with all that is nested in it.
    config.type_attribute(".portcullis.v1.Authenticator.OnFailure", "#[derive(Debug)]");
    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .compile_fds_with_config(descriptors, config)?;

    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .btree_map(["."])
        .build(&[".portcullis.v1"])?;
    Ok(())
}
