#!/usr/bin/env node
// npm links a command only if its file is there at install, which in a clone is before the first build.
import "../dist/main.js";
