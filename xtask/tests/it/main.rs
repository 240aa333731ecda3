#![cfg(test)]
//! Tests of the repository itself: layers, map, weights, manifests, words that must not be in it.

mod layers;
mod manifests;
mod members;
mod readme;
mod weight;
mod words;
