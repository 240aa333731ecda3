//! Where a TPM is: texts that say it, and those that the library would take for something else.

use aims_testkit::assert_refused;
use aims_tpm::Tcti;

#[test]
fn tpm_7_what_is_taken_comes_out_as_it_went_in() {
    for text in [
        "device:/dev/tpmrm0",
        "device:/dev/tpm0",
        "swtpm:host=127.0.0.1,port=2321",
        "swtpm:host=localhost,port=1",
        "mssim:host=tpm-simulator.example,port=65534",
        "swtpm:host=::1,port=2321",
        "tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session",
    ] {
        assert_eq!(text.parse::<Tcti>().unwrap().to_string(), text);
    }
    let turned: Tcti = "swtpm:port=2321,host=127.0.0.1".parse().unwrap();
    assert_eq!(turned, "swtpm:host=127.0.0.1,port=2321".parse().unwrap());
    assert_eq!(Tcti::default().to_string(), "device:/dev/tpmrm0");
}

#[test]
fn tpm_7_what_the_library_would_ignore_or_guess_is_refused() {
    for (text, code) in [
        ("", "tcti_no_address"),
        ("device", "tcti_no_address"),
        ("swtpm", "tcti_no_address"),
        ("cmd:nc 127.0.0.1 2321", "tcti_unknown_kind"),
        ("SWTPM:host=127.0.0.1,port=2321", "tcti_unknown_kind"),
        (" swtpm:host=127.0.0.1,port=2321", "tcti_unknown_kind"),
        ("swtpm:", "tcti_malformed"),
        ("swtpm:path=/run/tpm.sock", "tcti_unknown_key"),
        ("swtpm:host=127.0.0.1,port=2321,path=/run/tpm.sock", "tcti_unknown_key"),
        ("swtpm:host=127.0.0.1,port=2321,", "tcti_malformed"),
        ("swtpm:host=127.0.0.1, port=2321", "tcti_unknown_key"),
        ("swtpm:host=127.0.0.1", "tcti_missing_key"),
        ("swtpm:port=2321", "tcti_missing_key"),
        ("swtpm:port=2321,port=2322,host=127.0.0.1", "tcti_repeated_key"),
        ("swtpm:host=,port=2321", "tcti_host"),
        ("swtpm:host=a b,port=2321", "tcti_host"),
        ("swtpm:host=-oProxy,port=2321", "tcti_host"),
        ("swtpm:host=127.0.0.1,port=0", "tcti_port"),
        ("swtpm:host=127.0.0.1,port=65535", "tcti_port"),
        ("swtpm:host=127.0.0.1,port=+80", "tcti_port"),
        ("swtpm:host=127.0.0.1,port=0080", "tcti_port"),
        ("swtpm:host=127.0.0.1,port=99999", "tcti_port"),
        ("device:", "tcti_path"),
        ("device:tpmrm0", "tcti_path"),
        ("device:/dev/../etc/passwd", "tcti_path"),
        ("device:/dev/tpm rm0", "tcti_path"),
        ("device:/dev/tpmrm0\0", "tcti_path"),
        ("tabrmd:bus_name=com.intel.tss2.Tabrmd", "tcti_missing_key"),
        ("tabrmd:bus_name=Tabrmd,bus_type=system", "tcti_bus"),
        ("tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=user", "tcti_bus"),
    ] {
        assert_refused!(text.parse::<Tcti>(), code, "TPM-7", "{text:?}");
    }
    let long = format!("device:/{}", "a".repeat(256));
    assert_refused!(long.parse::<Tcti>(), "tcti_too_long", "TPM-7");
}
