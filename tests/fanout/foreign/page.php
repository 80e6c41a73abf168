<?php
// What PHP's own server is asked for.
header('Content-Type: text/plain');
for ($i = 0; $i < 3000; $i++)
    echo $_SERVER['REQUEST_URI'], " $i\n";
