# Hashes, keys, certificates and ciphers.
cd /tmp
printf 'some text\n%.0s' $(seq 500) > plain
openssl version
openssl dgst -sha256 plain
openssl dgst -sha3-256 plain
openssl md5 plain
openssl genrsa -out key.pem 1024 2> /dev/null
openssl req -new -x509 -key key.pem -subj /CN=jobs -days 2 -out cert.pem
openssl x509 -in cert.pem -noout -subject
openssl verify -CAfile cert.pem cert.pem
openssl dgst -sha256 -sign key.pem -out signature plain
openssl rsa -in key.pem -pubout -out public.pem 2> /dev/null
openssl dgst -sha256 -verify public.pem -signature signature plain
for cipher in aes-128-cbc aes-256-ctr chacha20; do
    openssl enc -$cipher -K $(printf '%064d' 7) -iv $(printf '%032d' 9) -in plain -out secret 2> /dev/null
    openssl dgst -sha256 secret
    openssl enc -d -$cipher -K $(printf '%064d' 7) -iv $(printf '%032d' 9) -in secret 2> /dev/null | cmp - plain && echo $cipher
done
openssl enc -aes-128-cbc -k word -pbkdf2 -in plain -out salted && openssl enc -d -aes-128-cbc -k word -pbkdf2 -in salted | cmp - plain && echo salted
openssl rand -hex 8 | wc -c
openssl ecparam -genkey -name prime256v1 -noout > ec.pem && openssl ec -in ec.pem -check -noout 2>&1 | tail -1
openssl speed -seconds 1 -bytes 1024 -evp sha256 > /dev/null 2>&1; echo $?
