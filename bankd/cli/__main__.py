from bankd.cli import main

main(prog_name="bankd")
