//! Strict base64url (JO-B64).
